from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlwright.adapters.store.local import LocalStore
from mlwright.artifacts import codecs
from mlwright.errors import IntegrityError, MissingExtra, TypeMismatch

dtypes = (
    hnp.scalar_dtypes()
    | hnp.unicode_string_dtypes()
    | hnp.byte_string_dtypes()
    | hnp.array_dtypes(max_size=3, subtype_strategy=hnp.scalar_dtypes())
)
shapes = hnp.array_shapes(min_dims=0, min_side=0, max_side=4)
names = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=5)
texts = hnp.arrays(object, shapes, elements=st.none() | st.text(max_size=5), fill=st.nothing())
columns = st.dictionaries(
    names, hnp.arrays(hnp.scalar_dtypes() | hnp.unicode_string_dtypes(), shapes) | texts, min_size=1
)


def round_trip(store: LocalStore, value: Any) -> Any:
    saved = codecs.save(store, value)
    return codecs.load(store, saved.digest, saved.codec)


def assert_same(first: np.ndarray, second: np.ndarray) -> None:
    assert type(first) is type(second) is np.ndarray
    assert first.dtype == second.dtype
    assert first.shape == second.shape
    if first.dtype.hasobject:
        assert first.tolist() == second.tolist()
    else:
        assert np.ascontiguousarray(first).tobytes() == np.ascontiguousarray(second).tobytes()


@given(array=hnp.arrays(dtypes, shapes))
def test_an_array_comes_back_bit_for_bit(shared_store: LocalStore, array: np.ndarray) -> None:
    assume(repr(array.dtype).isascii())
    assert_same(round_trip(shared_store, array), array)


@given(frame=columns)
def test_columns_come_back_bit_for_bit_and_in_order(shared_store: LocalStore, frame: dict[str, np.ndarray]) -> None:
    again = round_trip(shared_store, frame)
    assert list(again) == list(frame)
    for name, array in frame.items():
        assert_same(again[name], array)


@given(frame=columns)
def test_equal_columns_have_one_digest_whatever_their_layout_in_memory(
    shared_store: LocalStore, frame: dict[str, np.ndarray]
) -> None:
    other = {name: np.array(array, order="F", copy=True) for name, array in frame.items()}
    assert codecs.save(shared_store, other).digest == codecs.save(shared_store, frame).digest


def test_an_array_of_either_order_has_one_digest(store: LocalStore) -> None:
    array = np.arange(12.0).reshape(3, 4)
    digests = {
        codecs.save(store, form).digest for form in (array, np.asfortranarray(array), array[:, ::1], array.copy())
    }
    assert len(digests) == 1


def test_the_padding_of_a_structured_array_does_not_matter(store: LocalStore) -> None:
    dtype = np.dtype([("flag", "u1"), ("inner", [("small", "i2"), ("large", "f8")])], align=True)
    clean = np.zeros(3, dtype)
    dirty = np.frombuffer(bytearray(b"\xff" * clean.nbytes), dtype)
    for array in (dirty, clean):
        array["flag"], array["inner"]["small"], array["inner"]["large"] = 1, 2, 3.0
    assert dirty.tobytes() != clean.tobytes()
    assert codecs.save(store, dirty).digest == codecs.save(store, clean).digest
    assert round_trip(store, dirty).dtype == dtype


@pytest.mark.parametrize(
    ("value", "codec"),
    [
        (np.arange(3), "numpy"),
        ({"a": np.arange(3)}, "columns"),
        ({"a": np.array(["x", None], dtype=object)}, "columns"),
        ({"a": np.array(["x", "y"], dtype=np.dtypes.StringDType())}, "columns"),
        ({"a": np.array(["2013-01-01"], dtype="M8[ns]")}, "columns"),
        ({"a": np.arange(3, dtype=">i4")}, "bundle"),
        ({"a": np.array([1, "x"], dtype=object)}, "json"),
        ({"a": np.arange(3), "b": 1}, "bundle"),
        ({}, "json"),
        ((np.arange(3), np.arange(3)), "bundle"),
    ],
)
def test_the_codec_is_chosen_by_the_value(store: LocalStore, value: Any, codec: str) -> None:
    assert codecs.save(store, value).codec == codec
    round_trip(store, value)


def test_text_with_and_without_missing_values_comes_back(store: LocalStore) -> None:
    frame = {
        "object": np.array(["a", None, "", "grün", "\ud800"], dtype=object),
        "string": np.array(["a", "", "grün"], dtype=np.dtypes.StringDType()),
        "object/data": np.arange(2),
    }
    again = round_trip(store, frame)
    assert again["object"].tolist() == frame["object"].tolist()
    assert again["string"].dtype == np.dtypes.StringDType()
    assert again["string"].tolist() == frame["string"].tolist()
    assert again["object/data"].tolist() == [0, 1]


def test_the_file_of_columns_is_laid_out_as_the_safetensors_format_says(store: LocalStore) -> None:
    frame = {"flag": np.array([True]), "x": np.arange(3.0), "n": np.arange(3, dtype="i4")}
    content = store.read(codecs.save(store, frame).digest)
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    header = json.loads(content[8 : 8 + length])
    assert header.pop("__metadata__")["format"] == "mlwright-columns/1"
    assert {name: entry["dtype"] for name, entry in header.items()} == {"x": "F64", "n": "I32", "flag": "BOOL"}
    ends = [entry["data_offsets"] for entry in header.values()]
    assert [start for start, _ in ends] == [0, *[end for _, end in ends[:-1]]]
    assert ends[-1][1] == len(content) - 8 - length


def test_a_loaded_array_is_aligned_and_can_be_changed_without_touching_the_store(store: LocalStore) -> None:
    for value in (np.arange(4.0), {"b": np.array([True]), "a": np.arange(4.0)}):
        saved = codecs.save(store, value)
        loaded = codecs.load(store, saved.digest, saved.codec)
        array = loaded["a"] if isinstance(loaded, dict) else loaded
        assert array.flags.aligned
        array[0] = 99.0
        again = codecs.load(store, saved.digest, saved.codec)
        assert (again["a"] if isinstance(again, dict) else again)[0] == 0.0
        LocalStore(store.root).read(saved.digest)


def test_a_loaded_array_is_mapped_and_not_read(store: LocalStore) -> None:
    array = np.zeros(4_000_000)
    saved = codecs.save(store, array)
    assert not codecs.load(store, saved.digest, saved.codec).flags.owndata


def test_a_damaged_array_is_not_loaded(store: LocalStore) -> None:
    from test_local_store import file_of, flip

    saved = codecs.save(store, np.arange(100))
    flip(file_of(store, saved.digest))
    with pytest.raises(IntegrityError, match=saved.digest):
        codecs.load(store, saved.digest, saved.codec)


def test_a_table_comes_back_whatever_its_chunks_were(store: LocalStore) -> None:
    table = pa.table({"a": [1, 2, None, 4], "b": ["x", None, "y", ""], "c": pa.array([[1], [], None, [2, 3]])})
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    first, second = codecs.save(store, table), codecs.save(store, chunked)
    assert (first.codec, first.type) == ("arrow", "pyarrow.lib.Table")
    assert first.digest == second.digest
    again = codecs.load(store, first.digest, first.codec)
    assert again.equals(table)
    assert again.schema.equals(table.schema, check_metadata=True)


def test_an_empty_table_comes_back(store: LocalStore) -> None:
    table = pa.table({"a": pa.array([], pa.int64())})
    assert round_trip(store, table).equals(table)


def test_a_loaded_table_is_mapped_and_not_read(store: LocalStore) -> None:
    saved = codecs.save(store, pa.table({"a": np.zeros(2_000_000)}))
    before = pa.total_allocated_bytes()
    table = codecs.load(store, saved.digest, saved.codec)
    assert pa.total_allocated_bytes() - before < 100_000
    assert table.num_rows == 2_000_000


def test_parquet_is_used_on_request_and_gives_equal_bytes_for_equal_tables(store: LocalStore) -> None:
    table = pa.table({"a": [1, 2, 3]})
    first = codecs.save(store, table, codec="parquet")
    assert first.codec == "parquet"
    assert codecs.load(store, first.digest, "parquet").equals(table)
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert codecs.save(store, chunked, codec="parquet").digest == first.digest


def test_without_the_extra_the_command_that_installs_it_is_named(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = codecs.save(store, np.arange(3))
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(MissingExtra, match=r"mlwright\[ml\]"):
        codecs.load(store, saved.digest, saved.codec)


@pytest.fixture(scope="module")
def training() -> tuple[np.ndarray, np.ndarray]:
    features = np.random.default_rng(0).normal(size=(300, 3))
    return features, (features[:, 0] + features[:, 1] > 0).astype(int)


def estimators() -> list[Any]:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    one_hot = ColumnTransformer([("number", StandardScaler(), [0, 1]), ("kind", OneHotEncoder(), [2])])
    return [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
        RandomForestClassifier(5, random_state=0),
        GradientBoostingClassifier(n_estimators=3, random_state=0),
        make_pipeline(one_hot, LogisticRegression()),
    ]


@pytest.mark.parametrize("number", range(6))
def test_an_estimator_predicts_the_same_and_has_one_digest_each_time(
    store: LocalStore, training: tuple[np.ndarray, np.ndarray], number: int
) -> None:
    from sklearn.base import clone

    estimator = estimators()[number]
    features, labels = training
    features = np.column_stack([features[:, :2], np.round(features[:, 2])])
    estimator.fit(features, labels)
    saved = codecs.save(store, estimator)
    assert (saved.codec, saved.unsafe) == ("skops", False)
    again = codecs.load(store, saved.digest, saved.codec)
    np.testing.assert_array_equal(again.predict_proba(features), estimator.predict_proba(features))
    assert codecs.save(store, again).digest == saved.digest
    trained_again = clone(estimator).fit(features, labels)
    assert codecs.save(store, trained_again).digest == saved.digest


def test_an_estimator_with_foreign_code_is_refused_and_the_type_named(store: LocalStore) -> None:
    from sklearn.preprocessing import FunctionTransformer

    with pytest.raises(TypeMismatch, match=r"posix\.system|os\.system"):
        codecs.save(store, FunctionTransformer(__import__("os").system))


def test_a_model_file_with_foreign_code_is_refused_on_loading(store: LocalStore) -> None:
    import skops.io as sio
    from sklearn.preprocessing import FunctionTransformer

    digest = store.put(sio.dumps(FunctionTransformer(__import__("os").system))).digest
    with pytest.raises(TypeMismatch, match="trusted"):
        codecs.load(store, digest, "skops")


def test_saving_a_model_raises_no_warning(store: LocalStore) -> None:
    from sklearn.linear_model import LinearRegression

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        codecs.save(store, LinearRegression())


def digests_of_equal_values(store: LocalStore) -> list[str]:
    from sklearn.linear_model import LogisticRegression

    x = np.random.default_rng(0).normal(size=(200, 2))
    model = LogisticRegression().fit(x, x[:, 0] > 0)
    return [codecs.save(store, value).digest for value in (model, {"x": x, "set": {"a", "b", "c"}}, {"x": x})]


def test_another_process_gives_the_same_digests(store: LocalStore) -> None:
    program = "import sys, test_array_codecs as t; print(t.digests_of_equal_values(t.LocalStore(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(store.root)],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(digests_of_equal_values(store))
