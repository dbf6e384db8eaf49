"""What goes over the wire and into the log comes back unchanged, whatever it is."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright import errors
from mlwright.registry.values import DATATYPES, Column
from mlwright.serving import oip
from mlwright.serving import payload as packing
from mlwright.serving.payload import Payload

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "FP64": FLOATS,
    "FP32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "FP16": st.floats(width=16, allow_nan=False, allow_infinity=False),
    "BOOL": st.booleans(),
    "BYTES": TEXTS,
    **{f"INT{bits}": st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}


def sent(datatype: str, values: list[Any], shape: list[int] | None = None) -> oip.Tensor:
    body = {"name": "c", "datatype": datatype, "shape": shape or [len(values)], "data": values}
    request = oip.decode_request(msgspec.json.encode({"inputs": [body]}))
    return request.inputs[0]


@given(st.data())
def test_a_tensor_of_any_datatype_is_read_as_it_was_sent(data: st.DataObject) -> None:
    datatype = data.draw(st.sampled_from(sorted(DATATYPES)))
    values = data.draw(st.lists(VALUES[datatype], max_size=20))
    array = oip.read_tensor(sent(datatype, values), Column("c", datatype))
    assert array.dtype == DATATYPES[datatype]
    assert array.tolist() == values


@given(st.data())
def test_missing_values_are_read_as_nan_or_none_where_they_may_be(data: st.DataObject) -> None:
    datatype = data.draw(st.sampled_from(["FP64", "FP32", "INT32", "BOOL", "BYTES"]))
    values = data.draw(st.lists(st.none() | VALUES[datatype], min_size=1, max_size=20))
    array = oip.read_tensor(sent(datatype, values), Column("c", datatype, nullable=True))
    back = [None if value is None or value != value else value for value in array.tolist()]
    assert back == values
    if None in values:
        with pytest.raises(errors.InvalidInput, match="'c' holds a value"):
            oip.read_tensor(sent(datatype, values), Column("c", datatype))


def test_a_number_too_large_for_a_smaller_float_is_refused() -> None:
    with pytest.raises(errors.InvalidInput, match="beyond FP32"):
        oip.read_tensor(sent("FP32", [1e300]), Column("c", "FP32"))


def test_every_datatype_of_the_protocol_can_be_missing_without_losing_its_neighbours() -> None:
    for datatype in DATATYPES:
        value: Any = {"BYTES": "a", "BOOL": True}.get(datatype, 3)
        array = oip.read_tensor(sent(datatype, [None, value]), Column("c", datatype, nullable=True))
        assert array.tolist()[1] == value


COLUMNS = st.one_of(
    st.lists(FLOATS | st.just(float("nan")), max_size=9).map(lambda values: np.array(values, dtype=np.float64)),
    st.lists(VALUES["FP32"], max_size=9).map(lambda values: np.array(values, dtype=np.float32)),
    st.lists(VALUES["INT64"], max_size=9).map(lambda values: np.array(values, dtype=np.int64)),
    st.lists(st.booleans(), max_size=9).map(lambda values: np.array(values, dtype=np.bool_)),
    st.lists(st.none() | TEXTS, max_size=9).map(lambda values: np.array([*values, None], dtype=object)[:-1]),
)


@given(st.dictionaries(TEXTS, COLUMNS, max_size=5))
def test_packed_columns_come_back_with_type_and_values(columns: dict[str, np.ndarray]) -> None:
    back = packing.unpack_features(packing.pack_features(columns))
    assert list(back) == list(columns)
    for name, values in columns.items():
        assert back[name].dtype == values.dtype
        np.testing.assert_array_equal(back[name], values)


@given(st.lists(st.tuples(TEXTS, FLOATS), max_size=9), TEXTS, st.binary(max_size=16))
def test_a_packed_batch_comes_back_whole(rows: list[tuple[str, float]], request: str, inputs: bytes) -> None:
    size = len(rows)
    payload = Payload(
        request=request,
        inputs=inputs,
        ids=[row[0] for row in rows],
        arms=[("stable", 1), ("candidate", 2)],
        arm=bytes(size),
        answered_by=bytes(size),
        failed=bytes(size),
        output="probability",
        score=np.array([row[1] for row in rows], dtype="<f8").tobytes(),
        baseline=b"",
        latency_s=0.001,
        error="",
        features=b"",
    )
    back = packing.decode(packing.encode(payload), packing.FORMAT)
    assert back == payload
    assert packing.floats(back.score).tolist() == [row[1] for row in rows]


def test_a_batch_of_an_unknown_format_or_a_damaged_one_is_named() -> None:
    with pytest.raises(errors.IntegrityError, match="format 99"):
        packing.decode(b"", 99)
    with pytest.raises(errors.IntegrityError, match="damaged"):
        packing.decode(b"\x00", packing.FORMAT)


def test_the_digest_of_a_request_does_not_depend_on_the_order_of_its_tensors() -> None:
    one, two = ({"name": name, "datatype": "FP64", "shape": [1], "data": [1.0]} for name in "ab")
    digests = {
        oip.digest_of(oip.decode_request(msgspec.json.encode({"inputs": inputs, "id": id_})))
        for inputs, id_ in (([one, two], "1"), ([two, one], "2"))
    }
    assert len(digests) == 1
    changed = msgspec.json.encode({"inputs": [one, two | {"data": [2.0]}]})
    assert oip.digest_of(oip.decode_request(changed)) not in digests
