"""A dict of names and NumPy arrays: the plain frame, stored in the safetensors format, mapped into memory on loading.

The file is eight bytes of length, a JSON header and the buffers, larger item sizes first so that each is aligned
(https://github.com/huggingface/safetensors#format). Any reader of that format reads the numbers; what it has no type
for (times, text) is kept as whole numbers, and the header's metadata tell their NumPy type.
"""

from __future__ import annotations

import json
from itertools import accumulate, pairwise
from typing import Any, BinaryIO

from mlwright.artifacts.codecs.arrays import array_at, is_array, mapped, numpy, raw
from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.errors import InvalidInput

_FORMAT = "mlwright-columns/1"
_RESERVED = "__metadata__"
_CODES = {
    "f8": "F64", "f4": "F32", "f2": "F16", "i8": "I64", "i4": "I32", "i2": "I16", "i1": "I8",
    "u8": "U64", "u4": "U32", "u2": "U16", "u1": "U8", "b1": "BOOL",
}  # fmt: skip


class ColumnsCodec:
    """A `dict` of `str` and `numpy.ndarray`: numbers, booleans, times, and text with or without missing values."""

    name = "columns"
    kind = "blob"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value is a dict of names and arrays of these types."""
        if type(value) is not dict or not value or _RESERVED in value:
            return False
        if not all(type(name) is str and name.isprintable() and is_array(array) for name, array in value.items()):
            return False
        return all(_storage(array) is not None for array in value.values())

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the columns, their order kept."""
        parts: dict[str, Any] = {}
        columns = []
        for name, array in value.items():
            taken = {*value, *parts}
            described, own = _take_apart(name, array, taken)
            columns.append(described)
            parts.update(own)
        order = sorted(parts, key=lambda name: (-parts[name].dtype.itemsize, name))
        header: dict[str, Any] = {
            _RESERVED: {"format": _FORMAT, "columns": json.dumps(columns, separators=(",", ":"), ensure_ascii=False)}
        }
        end = 0
        for name in order:
            array = parts[name]
            start, end = end, end + array.nbytes
            code = _CODES[array.dtype.str[1:]]
            header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [start, end]}
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)

        def write(file: BinaryIO) -> None:
            file.write(len(text).to_bytes(8, "little") + text)
            for name in order:
                file.write(raw(parts[name]))

        return store.put(write)

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the columns."""
        buffer = mapped(store.path(digest))
        start = 8 + int.from_bytes(buffer[:8], "little")
        header = json.loads(buffer[8:start])
        about = header.pop(_RESERVED)
        if about.get("format") != _FORMAT:
            raise InvalidInput(
                f"the columns {digest} have the format {about.get('format')}; this mlwright knows {_FORMAT}.",
                fix="pip install --upgrade mlwright",
            )
        np = numpy()
        types = {code: np.dtype(f"<{name}") for name, code in _CODES.items()}

        def part(name: str) -> Any:
            entry = header[name]
            return array_at(buffer, types[entry["dtype"]], tuple(entry["shape"]), start + entry["data_offsets"][0])

        return {column["name"]: _put_together(column, part) for column in json.loads(about["columns"])}


def _storage(array: Any) -> str | None:
    """Return how an array is kept: `plain`, `view` (as whole numbers), `text`, or None when it can't be."""
    dtype = array.dtype
    if dtype.metadata or dtype.str[0] == ">":
        return None
    if dtype.str[1:] in _CODES:
        return "plain"
    if dtype.kind in "mMU" or dtype.str[1:] in ("c8", "c16"):
        return "view" if dtype.itemsize else None
    if dtype.kind == "T":
        return "text" if dtype == numpy().dtypes.StringDType() else None
    if dtype.kind == "O" and set(map(type, array.flat)) <= {str, type(None)}:
        return "text"
    return None


def _take_apart(name: str, array: Any, taken: set[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a column's description and the buffers that hold it."""
    np = numpy()
    storage = _storage(array)
    if storage == "plain":
        return {"name": name}, {name: np.asarray(array, order="C")}
    if storage == "view":
        unit = {"m": "<i8", "M": "<i8", "U": "<u4", "c": f"<f{array.dtype.itemsize // 2}"}[array.dtype.kind]
        count = array.dtype.itemsize // np.dtype(unit).itemsize
        numbers = np.frombuffer(raw(array), unit) if array.size else np.zeros(0, unit)
        numbers = numbers.reshape((*array.shape, count) if count > 1 or array.dtype.kind == "U" else array.shape)
        return {"name": name, "dtype": array.dtype.str, "shape": list(array.shape)}, {name: numbers}
    items = array.ravel().tolist()
    encoded = [b"" if item is None else item.encode("utf-8", "surrogatepass") for item in items]
    offsets = np.array([0, *accumulate(map(len, encoded))], dtype="<i8")
    parts = {"offsets": offsets, "data": np.frombuffer(b"".join(encoded), dtype="u1")}
    if any(item is None for item in items):
        parts["missing"] = np.array([item is None for item in items])
    names = {}
    for role in parts:
        names[role] = f"{name}/{role}"
        while names[role] in taken:
            names[role] += "/"
    kind = "text" if array.dtype.kind == "T" else "object"
    described = {"name": name, "dtype": kind, "shape": list(array.shape), "parts": names}
    return described, {names[role]: part for role, part in parts.items()}


def _put_together(column: dict[str, Any], part: Any) -> Any:
    np = numpy()
    if "dtype" not in column:
        return part(column["name"])
    shape = tuple(column["shape"])
    if "parts" not in column:
        dtype = np.dtype(column["dtype"])
        numbers = part(column["name"])
        return numbers.reshape(-1).view(dtype).reshape(shape) if numbers.size else np.zeros(shape, dtype)
    names = column["parts"]
    items = _texts(part(names["data"]).tobytes(), part(names["offsets"]).tolist())
    if "missing" in names:
        items = [None if gone else item for item, gone in zip(items, part(names["missing"]).tolist(), strict=True)]
    if column["dtype"] == "text":
        return np.array(items, dtype=np.dtypes.StringDType()).reshape(shape)
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


def _texts(data: bytes, offsets: list[int]) -> list[Any]:
    pairs = pairwise(offsets)
    if data.isascii():
        text = data.decode("ascii")
        return [text[start:end] for start, end in pairs]
    return [data[start:end].decode("utf-8", "surrogatepass") for start, end in pairs]
