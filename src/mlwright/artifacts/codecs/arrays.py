"""NumPy arrays, in NumPy's own file format, mapped into memory on loading."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path
from typing import Any, BinaryIO

from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.errors import missing_extra


class NumpyCodec:
    """A `numpy.ndarray` of any shape and of any type but Python objects."""

    name = "numpy"
    kind = "blob"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value is an array whose type the file format can name."""
        return is_array(value) and _is_nameable(value.dtype)

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the array, in C order whatever its order was."""
        array = without_padding(numpy().asarray(value, order="C"))
        return store.put(lambda file: _write(file, array))

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the array."""
        path, formats = store.path(digest), numpy().lib.format
        with open(path, "rb") as file:
            formats.read_magic(file)
            shape, _, dtype = formats.read_array_header_2_0(file)
            return array_at(mapped(path), dtype, shape, file.tell())


def numpy() -> Any:
    """Return the NumPy module.

    Raises:
        MissingExtra: It isn't installed.
    """
    try:
        import numpy as np
    except ImportError:
        raise missing_extra("numpy", "ml", needed_for="an array") from None
    return np


def is_array(value: Any) -> bool:
    """Tell whether a value is a NumPy array (and no subclass), without importing NumPy."""
    np = sys.modules.get("numpy")
    return np is not None and type(value) is np.ndarray


def mapped(path: Path) -> Any:
    """Return a file's content as a buffer that can be changed; changes stay in this process's memory."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        if size == 0:
            return b""
        try:
            return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
        except OSError:
            # A machine that doesn't promise memory it may not have refuses a private mapping larger than it.
            return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)


def array_at(buffer: Any, dtype: Any, shape: tuple[int, ...], offset: int) -> Any:
    """Return the array that starts at a place of a buffer, without copying."""
    np = numpy()
    count = 1
    for length in shape:
        count *= length
    if count == 0 or dtype.itemsize == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(buffer, dtype, count, offset).reshape(shape)


def without_padding(array: Any) -> Any:
    """Return the array with zeros between the fields of a structured type, where anything may be."""
    np = numpy()
    if array.dtype.names is None:
        return array
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = without_padding(array[name])
    return clean


def raw(array: Any) -> Any:
    """Return the bytes of an array in C order, without copying where that is possible."""
    np = numpy()
    if array.size == 0 or array.dtype.itemsize == 0:
        return b""
    return memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8))


def _write(file: BinaryIO, array: Any) -> None:
    formats = numpy().lib.format
    header = formats.header_data_from_array_1_0(array)
    # An array of one dimension is in both orders at once; the header always says C.
    header["fortran_order"] = False
    # Version 2 of the format whatever the header's length; `load` reads no other.
    formats.write_array_header_2_0(file, header)
    file.write(raw(array))


def _is_nameable(dtype: Any) -> bool:
    if dtype.hasobject or dtype.kind == "T" or dtype.metadata:
        return False
    if dtype.names is None:
        return True
    formats = numpy().lib.format
    description = formats.dtype_to_descr(dtype)
    return str(description).isascii() and bool(formats.descr_to_dtype(description) == dtype)
