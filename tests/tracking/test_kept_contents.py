"""Tables, texts, figures, images and datasets that runs keep or name."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logged import artifacts

from mlwright import project as projects
from mlwright import start_run
from mlwright.errors import InvalidInput, MlwrightError, NotFound, TypeMismatch
from mlwright.ledger import datasets as ledger_datasets
from mlwright.project import Project
from mlwright.tracking import contents, datasets

ROOT = Path(__file__).resolve().parents[2]
TABLE = pa.table({"a": [1, 2, 3, 4], "b": ["x", None, "y", "z"]})


def pixels(png: bytes) -> np.ndarray[Any, Any]:
    """Decode a PNG of one channel or several, whose lines have no filter."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, rest = {}, png[8:]
    while rest:
        (size,) = struct.unpack(">I", rest[:4])
        kind, data = rest[4:8], rest[8 : 8 + size]
        assert struct.unpack(">I", rest[8 + size : 12 + size])[0] == zlib.crc32(kind + data)
        chunks[kind], rest = data, rest[12 + size :]
    width, height, depth, colours = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert depth == 8
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), dtype=np.uint8).reshape(height, -1)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(height, width, {0: 1, 2: 3, 6: 4}[colours])


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4]), st.randoms())
def test_an_image_has_the_pixels_of_its_array(height: int, width: int, channels: int, random: Any) -> None:
    array = np.frombuffer(random.randbytes(height * width * channels), dtype=np.uint8)
    array = array.reshape(height, width, channels)
    assert (pixels(contents.png("i", array)) == array).all()
    assert (pixels(contents.png("i", array / 255)) == array).all()
    assert (pixels(contents.png("i", array.astype(np.int64))) == array).all()


def test_truths_and_lists_are_images_too() -> None:
    assert pixels(contents.png("i", [[True, False]])).ravel().tolist() == [255, 0]
    name, content = contents.image("masks/one", [[0.0, 0.5, 1.0]])
    assert name == "masks/one.png"
    assert isinstance(content, bytes)
    assert pixels(content).ravel().tolist() == [0, 128, 255]


class Picture:
    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault

    def getbands(self) -> tuple[str, ...]:
        return ("L",)

    def save(self, file: Any, format: str) -> None:
        if self.fault:
            raise self.fault
        file.write(format.encode())


class Drawn:
    def savefig(self, file: Any, format: str, bbox_inches: str) -> None:
        file.write(f"{format} {bbox_inches}".encode())


class Axes:
    def get_figure(self) -> Drawn:
        return Drawn()


class Interactive:
    def to_html(self, *, include_plotlyjs: bool) -> str:
        return f"<html>{include_plotlyjs}</html>"

    def to_json(self) -> str:
        return "{}"


def test_figures_are_kept_in_the_formats_that_suit_them() -> None:
    assert contents.figure("loss", Drawn()) == [("loss.png", b"png tight"), ("loss.svg", b"svg tight")]
    assert contents.figure("loss.pdf", Axes()) == [("loss.pdf", b"pdf tight")]
    assert contents.figure("loss", Interactive()) == [("loss.html", "<html>True</html>"), ("loss.json", "{}")]
    assert contents.figure("loss.json", Interactive()) == [("loss.json", "{}")]
    assert contents.image("i.PNG", Picture()) == ("i.png", b"PNG")


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: contents.table("t", 3), TypeMismatch, "is a int, which is no table"),
        (lambda: contents.table("t", "text"), TypeMismatch, "is a str, which is no table"),
        (lambda: contents.table("t", [1, 2]), TypeMismatch, "is a list, which is no table"),
        (lambda: contents.table("t", {"a": 1}), TypeMismatch, "the column 'a' of the table 't' is a int"),
        (lambda: contents.table("t", {"a": "xyz"}), TypeMismatch, "is a str"),
        (lambda: contents.table("t", {"a": [1], "b": [1, 2]}), InvalidInput, "different lengths"),
        (lambda: contents.table("t", [{"a": object()}]), InvalidInput, "'t' is not JSON"),
        (lambda: contents.table("t", TABLE["a"]), TypeMismatch, "is a ChunkedArray, which is no table"),
        (lambda: contents.json_text("c", {"a": "\ud800"}), InvalidInput, "not JSON"),
        (lambda: contents.figure("f", 3), TypeMismatch, "no figure"),
        (lambda: contents.figure("f.html", Drawn()), TypeMismatch, "can't be written as .html"),
        (lambda: contents.figure("f.svg", Interactive()), TypeMismatch, "can't be written as .svg"),
        (lambda: contents.image("i", 3), TypeMismatch, "no image"),
        (lambda: contents.image("i", Picture(OSError("mode F"))), InvalidInput, "can't be written as PNG"),
        (lambda: contents.image("i", [[1], [1, 2]]), InvalidInput, "is no array"),
        (lambda: contents.image("i", [["a"]]), InvalidInput, "an array of <U1"),
        (lambda: contents.image("i", [1, 2]), InvalidInput, r"the shape \(2,\)"),
        (lambda: contents.image("i", np.zeros((3, 2, 2))), InvalidInput, r"\(3, 2, 2\)"),
        (lambda: contents.image("i", np.zeros((0, 2))), InvalidInput, r"\(0, 2, 1\)"),
        (lambda: contents.image("i", [[0.0, 200.0]]), InvalidInput, "no brightness"),
        (lambda: contents.image("i", [[-1, 200]]), InvalidInput, "no brightness"),
        (lambda: contents.image("i", [[np.nan]]), InvalidInput, "no brightness"),
        (lambda: datasets.describe("nowhere.csv"), NotFound, "does not exist"),
        (lambda: datasets.describe(TABLE["a"]), TypeMismatch, "no dataset that has a digest"),
        (lambda: datasets.describe(np.array([object()])), TypeMismatch, "no dataset that has a digest"),
        (lambda: datasets.describe(TABLE, name="a\nb"), InvalidInput, "no name for a dataset"),
    ],
)
def test_what_can_not_be_kept_is_a_named_error(act: Callable[[], Any], error: type[MlwrightError], text: str) -> None:
    with pytest.raises(error, match=text):
        act()


def test_tables_of_rows_and_of_columns_come_to_the_same() -> None:
    rows = [{"a": np.int64(1), "b": "x"}, {"a": 2.5, "c": np.nan}]
    text, codec = contents.table("t", rows)
    assert codec == "text"
    assert json.loads(text) == {"columns": ["a", "b", "c"], "data": [[1, "x", None], [2.5, None, "nan"]]}
    columns = {"a": np.array([1.0, 2.5]), "b": ("x", None), "c": [None, float("nan")]}
    assert json.loads(contents.table("t", columns)[0]) == json.loads(text)
    assert json.loads(contents.table("t", [])[0]) == {"columns": [], "data": []}


def test_what_is_logged_is_kept_under_its_name(project: Project) -> None:
    projects.use(project)
    with start_run() as run:
        run.log_table("rows.json", [{"a": 1}])
        run.log_table("arrow", TABLE)
        run.log_dict("config.json", {"lr": np.float32(0.5), 3: {"deep": (1, 2)}})
        run.log_text("notes.txt", "a\nb — ü")
        run.log_figure("plots/loss", Drawn())
        run.log_image("first", np.zeros((2, 2)))
        with pytest.raises(InvalidInput, match="can't be kept"):
            run.log_text("bad.txt", "\x00")
        with pytest.raises(InvalidInput, match="no name for a artifact"):
            run.log_text("", "a")
    kept = artifacts(project, run.id)
    assert sorted(kept) == [
        "arrow", "config.json", "first.png", "notes.txt", "plots/loss.png", "plots/loss.svg", "rows.json",
    ]  # fmt: skip
    assert json.loads(kept["config.json"]) == {"lr": 0.5, "3": {"deep": [1, 2]}}
    assert kept["notes.txt"].decode() == "a\nb — ü"
    assert pa.ipc.open_file(kept["arrow"]).read_all().equals(TABLE)


def test_equal_contents_have_equal_digests_however_they_lie_in_memory() -> None:
    chunked = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)])
    noted = TABLE.replace_schema_metadata({"pandas": "its version"})
    assert len({datasets.describe(table).digest for table in (TABLE, chunked, noted)}) == 1
    array = np.arange(12.0).reshape(3, 4)
    same = (array, np.asfortranarray(array), array[:, ::-1][:, ::-1])
    assert len({datasets.describe(one).digest for one in same}) == 1
    assert datasets.describe(array + 1).digest != datasets.describe(array).digest
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.coo_matrix(([1.0, 2.0], ([0, 1], [1, 0])))
    turned = sparse.coo_matrix(([2.0, 1.0], ([1, 0], [0, 1])))
    assert datasets.describe(matrix).digest == datasets.describe(turned.tocsc()).digest


def test_datasets_are_described_by_columns_rows_and_size(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "data.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    columns = [{"name": "a", "type": "int64"}, {"name": "b", "type": "string"}]
    found = datasets.describe(str(tmp_path / "data.parquet"))
    assert (found.name, found.source_type, found.columns) == ("data.parquet", "file", columns)
    assert found.profile["rows"] == 4
    assert found.source == str(tmp_path / "data.parquet")
    assert datasets.describe(tmp_path / "broken.parquet").columns == []
    folder = datasets.describe(tmp_path)
    assert (folder.source_type, folder.profile["files"]) == ("folder", 2)
    table = datasets.describe(TABLE, name="t")
    assert (table.name, table.columns, table.profile["rows"]) == ("t", columns, 4)
    array = datasets.describe(np.zeros((3, 2), dtype=np.int8))
    assert (array.source_type, array.profile["rows"], array.profile["shape"]) == ("array", 3, [3, 2])
    arrays = datasets.describe({"x": np.zeros(3), "y": np.ones(3)})
    assert (arrays.source_type, arrays.profile["rows"], len(arrays.columns)) == ("table", 3, 2)


def test_a_source_with_a_password_is_not_told_in_the_error() -> None:
    with pytest.raises(NotFound) as told:
        datasets.describe("postgresql://ada:hunter2@db/ml")
    assert "hunter2" not in str(told.value)


def test_a_file_with_a_strange_or_long_name_is_a_dataset_too(project: Project, tmp_path: Path) -> None:
    projects.use(project)
    long, strange = tmp_path / ("d" * 255), tmp_path / "a\nb\udcff.csv"
    for path in (long, strange):
        path.write_bytes(b"a")
    with start_run() as run:
        run.log_dataset(long, name="")
        run.log_dataset(strange, context="test")
        run.log_metrics(after=1)
    with project.ledger.read() as connection:
        used = ledger_datasets.datasets_of(connection, run.id)
    assert sorted(len(one.dataset.name) for one in used) == [8, 250]
