from __future__ import annotations

import datetime as dt
import json
import math
import subprocess
import sys
import uuid
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapes
from hypothesis import given
from hypothesis import strategies as st

from mlwright.adapters.store.local import LocalStore
from mlwright.artifacts import codecs
from mlwright.errors import AlreadyExists, InvalidInput, NotFound, PermissionDenied, TypeMismatch

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary(max_size=8)
    | st.datetimes(timezones=st.none() | st.just(dt.UTC) | st.just(ZoneInfo("Europe/Paris")))
    | st.dates()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.complex_numbers(allow_nan=False)
)
hashables = scalars | st.tuples(st.integers(), st.text(max_size=3))
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(hashables, inner, max_size=4)
        | st.sets(hashables, max_size=3)
        | st.frozensets(hashables, max_size=3)
        | st.builds(shapes.Frozen, st.text(max_size=3), inner)
    ),
    max_leaves=12,
)


def same(first: Any, second: Any) -> bool:
    """Equal, and of the same types all the way down (1 == 1.0 == True otherwise)."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        pairs = zip(first.items(), second.items(), strict=True)
        return len(first) == len(second) and all(
            same(a, b) for one, two in pairs for a, b in zip(one, two, strict=True)
        )
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(same(a, b) for a, b in zip(first, second, strict=True))
    if isinstance(first, float):
        return math.copysign(1, first) == math.copysign(1, second) and first == second
    return bool(first == second)


def round_trip(store: LocalStore, value: Any) -> Any:
    saved = codecs.save(store, value)
    return codecs.load(store, saved.digest, saved.codec)


@given(value=values)
def test_a_value_comes_back_equal_and_of_the_same_types(shared_store: LocalStore, value: Any) -> None:
    assert same(round_trip(shared_store, value), value)


@given(value=values)
def test_what_came_back_has_the_digest_that_it_was_stored_under(shared_store: LocalStore, value: Any) -> None:
    saved = codecs.save(shared_store, value)
    again = codecs.save(shared_store, codecs.load(shared_store, saved.digest, saved.codec))
    assert again.digest == saved.digest


@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(-1e9, 1e9)
        | st.text(st.characters(exclude_categories=["Cs"])),
        st.lists,
        max_leaves=8,
    )
)
def test_what_json_can_say_is_plain_json(shared_store: LocalStore, value: Any) -> None:
    saved = codecs.save(shared_store, [value])
    assert saved.codec == "json"
    assert json.loads(shared_store.read(saved.digest)) == [value]


@pytest.mark.parametrize(
    "value",
    [
        shapes.Point(1.0, 2.0, ["a"]),
        shapes.Frozen("n", shapes.Point(0.5)),
        shapes.Derived(4),
        shapes.Params(rate=0.1, layers=(1, 2)),
        shapes.Tagged(some_value=3),
        {"best": shapes.Params(rate=1.0), "all": [shapes.Point(1.0)]},
        shapes.Colour.RED,
        shapes.Colour.BLUE,
        shapes.Level.LOW,
        shapes.Rights.READ | shapes.Rights.WRITE,
        shapes.Pair(1, "x"),
        {1: "a", (2, 3): "b", None: "c"},
        {"$tuple": [1]},
        {"$unknown": {"$artifact": 1}},
        [float("inf"), float("-inf"), -0.0],
        2**200,
        "\ud800",
        Decimal("1.10"),
        uuid.UUID(int=5),
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1),
        dt.time(1, 2, 3),
        np.float32(0.1),
        np.int64(5),
        np.bool_(True),
        np.datetime64("2013-01-01T05", "h"),
        [np.float64("inf")],
        {"empty": {}, "list": [], "tuple": (), "set": set()},
    ],
    ids=repr,
)
def test_each_kind_of_value_comes_back(store: LocalStore, value: Any) -> None:
    again = round_trip(store, value)
    assert again == value
    assert type(again) is type(value)
    assert repr(again) == repr(value)


def test_nan_comes_back_as_nan_and_the_stored_text_is_still_json(store: LocalStore) -> None:
    saved = codecs.save(store, {"loss": math.nan})
    json.loads(store.read(saved.digest), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert math.isnan(codecs.load(store, saved.digest, saved.codec)["loss"])


def test_the_order_of_a_dict_is_kept(store: LocalStore) -> None:
    assert list(round_trip(store, {"b": 1, "a": 2})) == ["b", "a"]


def test_equal_sets_have_one_digest(store: LocalStore) -> None:
    names = [f"name-{number}" for number in range(50)]
    forward, backward = set(names), set()
    backward.update(reversed(names))
    first, second = codecs.save(store, forward), codecs.save(store, backward)
    assert first.digest == second.digest


def test_arrays_tables_and_files_inside_a_value_become_artifacts_of_their_own(
    store: LocalStore, tmp_path: Path
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("hello")
    value = {"x": np.arange(3), "deep": [(np.zeros((2, 2)), 1.5)], "file": file, "frame": {"a": np.arange(2)}}
    saved = codecs.save(store, value)
    assert (saved.codec, saved.kind) == ("bundle", "tree")
    again = codecs.load(store, saved.digest, saved.codec)
    np.testing.assert_array_equal(again["x"], value["x"])
    np.testing.assert_array_equal(again["deep"][0][0], np.zeros((2, 2)))
    assert type(again["deep"][0]) is tuple
    assert (again["file"].name, again["file"].read_text()) == ("notes.txt", "hello")
    assert list(again["frame"]) == ["a"]
    assert saved.size_bytes > np.arange(3).nbytes


def test_an_object_array_of_mixed_values_comes_back(store: LocalStore) -> None:
    array = np.array([[1, "a"], [None, 2.5]], dtype=object)
    again = round_trip(store, array)
    assert again.dtype == object
    assert again.tolist() == array.tolist()


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (shapes.Unknown(), ""),
        ({"a": [1, shapes.Unknown()]}, "value['a'][1]"),
        (shapes.Frozen("n", shapes.Unknown()), "value.inner"),
        ((np.arange(2), {3: shapes.Unknown()}), "value[1][3]"),
    ],
)
def test_a_value_that_no_codec_knows_is_refused_with_its_type_and_place(
    store: LocalStore, value: Any, place: str
) -> None:
    with pytest.raises(TypeMismatch) as caught:
        codecs.save(store, value)
    assert "shapes.Unknown" in caught.value.what
    assert place in caught.value.what
    assert "columns" in (caught.value.why or "")
    assert "pathlib.Path" in (caught.value.fix or "")
    assert list(store.list()) == []


def local_class() -> Any:
    @dataclass
    class Local:
        x: int

    return Local(1)


def with_extra_attribute() -> Any:
    point = shapes.Point(1.0)
    point.extra = 1  # type: ignore[attr-defined]
    return point


@pytest.mark.parametrize(
    "value",
    [
        OrderedDict(a=1),
        defaultdict(list),
        local_class(),
        with_extra_attribute(),
        bytearray(b"x"),
        range(3),
        lambda: 1,
        dt.time(1, tzinfo=dt.UTC),
        type("Text", (str,), {})("x"),
        np.ma.masked_array([1, 2], [True, False]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_would_come_back_changed_is_refused(store: LocalStore, value: Any) -> None:
    with pytest.raises(TypeMismatch):
        codecs.save(store, value)
    with pytest.raises(TypeMismatch):
        codecs.save(store, {"inside": value})


def test_a_value_that_contains_itself_is_refused(store: LocalStore) -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(TypeMismatch):
        codecs.save(store, value)


def test_a_class_that_is_gone_is_named(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = codecs.save(store, shapes.Point(1.0))
    monkeypatch.delattr(shapes, "Point")
    with pytest.raises(NotFound, match="shapes:Point"):
        codecs.load(store, saved.digest, saved.codec)


def test_a_class_whose_fields_changed_is_named(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = codecs.save(store, shapes.Point(1.0))

    @dataclass
    class Point:
        x: float

    monkeypatch.setattr(shapes, "Point", Point)
    with pytest.raises(InvalidInput, match="shapes:Point") as caught:
        codecs.load(store, saved.digest, saved.codec)
    assert "tags, y" in (caught.value.why or "")


@pytest.mark.parametrize(
    "text",
    [
        b'{"$object": "os:system", "fields": {}}',
        b'{"$object": "subprocess:Popen", "fields": {"args": "true"}}',
        b'{"$enum": "builtins:eval", "value": "1"}',
        b'{"$named": "builtins:tuple", "fields": {}}',
    ],
)
def test_nothing_but_plain_data_classes_is_ever_built_by_name(store: LocalStore, text: bytes) -> None:
    with pytest.raises(InvalidInput):
        codecs.load(store, store.put(text).digest, "json")


def test_a_tag_of_a_newer_version_is_named(store: LocalStore) -> None:
    with pytest.raises(InvalidInput, match=r"\$quaternion"):
        codecs.load(store, store.put(b'{"$quaternion": []}').digest, "json")


_SCRIPT = """
import sys
from dataclasses import dataclass
from mlwright.adapters.store.local import LocalStore
from mlwright.artifacts import codecs

@dataclass
class Setting:
    rate: float

if __name__ == "__main__":
    store = LocalStore(sys.argv[1])
    if len(sys.argv) == 2:
        print(codecs.save(store, Setting(0.5)).digest)
    else:
        print(codecs.load(store, sys.argv[2], "json") == Setting(0.5))
"""


def test_a_class_of_the_script_being_run_is_found_by_whoever_imports_the_script(
    store: LocalStore, tmp_path: Path
) -> None:
    script = tmp_path / "setting_script.py"
    script.write_text(_SCRIPT)

    def run(*command: str) -> str:
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    digest = run(str(script), str(store.root))
    assert run(str(script), str(store.root), digest) == "True"
    importer = f"from mlwright.adapters.store.local import LocalStore as S; from mlwright.artifacts import codecs; \
import setting_script as s; print(codecs.save(S({str(store.root)!r}), s.Setting(0.5)).digest)"
    assert run("-c", importer) == digest


def test_text_and_bytes_are_stored_as_they_are(store: LocalStore) -> None:
    assert store.read(codecs.save(store, "grün").digest) == "grün".encode()
    assert store.read(codecs.save(store, b"\0\1").digest) == b"\0\1"
    assert round_trip(store, "grün") == "grün"
    assert round_trip(store, b"\0\1") == b"\0\1"


def test_pickle_needs_consent_on_both_sides_and_is_marked_unsafe(store: LocalStore) -> None:
    with pytest.raises(TypeMismatch, match=r"shapes\.Unknown"):
        codecs.save(store, shapes.Unknown())
    with pytest.raises(PermissionDenied):
        codecs.save(store, [1], codec="pickle")
    saved = codecs.save(store, shapes.Unknown(), allow_pickle=True)
    assert (saved.codec, saved.unsafe) == ("pickle", True)
    with pytest.raises(PermissionDenied, match=saved.digest):
        codecs.load(store, saved.digest, "pickle")
    assert type(codecs.load(store, saved.digest, "pickle", allow_pickle=True)) is shapes.Unknown


def test_what_a_safe_codec_knows_is_not_pickled_even_where_that_is_allowed(store: LocalStore) -> None:
    assert codecs.save(store, {"a": 1}, allow_pickle=True).codec == "json"


def test_what_cannot_even_be_pickled_is_named(store: LocalStore) -> None:
    with pytest.raises(TypeMismatch, match="pickled"):
        codecs.save(store, lambda: 1, allow_pickle=True)


def test_an_unknown_codec_gets_a_hint(store: LocalStore) -> None:
    with pytest.raises(NotFound) as caught:
        codecs.load(store, "sha256:" + "0" * 64, "jsn")
    assert caught.value.fix == "did you mean 'json'?"


def test_a_codec_that_does_not_take_the_value_is_named(store: LocalStore) -> None:
    with pytest.raises(TypeMismatch, match="numpy"):
        codecs.save(store, "text", codec="numpy")


class UnknownCodec:
    name = "unknown-things"
    kind = "blob"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        return isinstance(value, shapes.Unknown)

    def save(self, store: Any, value: Any) -> Any:
        return store.put(b"unknown")

    def load(self, store: Any, digest: str) -> Any:
        return shapes.Unknown()


def test_a_codec_of_others_is_used_for_its_type_also_inside_other_values(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codecs.registry, "_theirs", {})
    codecs.register(UnknownCodec())
    saved = codecs.save(store, shapes.Unknown())
    assert saved.codec == "unknown-things"
    assert type(codecs.load(store, saved.digest, saved.codec)) is shapes.Unknown
    assert type(round_trip(store, [shapes.Unknown()])[0]) is shapes.Unknown


def test_a_codec_cannot_take_the_name_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs.registry, "_theirs", {})
    codec = UnknownCodec()
    codec.name = "json"
    with pytest.raises(AlreadyExists, match="json"):
        codecs.register(codec)
