"""What tables, figures, images and JSON become when they are kept with a run. No vendor's library is imported here."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mlwright.errors import InvalidInput, TypeMismatch, missing_extra

#: A file to keep: its name, its content.
File = tuple[str, str | bytes]
_PNG = b"\x89PNG\r\n\x1a\n"
#: PNG's number for the kind of image with so many channels.
_COLOURS = {1: 0, 3: 2, 4: 6}


def json_text(name: str, value: Any) -> str:
    """Return a value as indented JSON; NaN and infinities, which JSON doesn't know, as text.

    Raises:
        InvalidInput: It isn't made of lists, dicts, texts and numbers.
    """
    try:
        plain = finite(msgspec.to_builtins(value, str_keys=True, enc_hook=_unwrapped))
        return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInput(
            f"'{name}' is not JSON.", why=str(error), fix="give lists and dicts of texts and numbers, or log_artifact"
        ) from None


def finite(value: Any) -> Any:
    """Return plain values with NaN and infinities as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def table(name: str, rows: Any) -> tuple[Any, str]:
    """Return a table as it is kept, and the codec that keeps it.

    Raises:
        TypeMismatch: It is no table.
        InvalidInput: Its columns have different lengths.
    """
    arrow = as_arrow(rows)
    if arrow is not None:
        return arrow, "arrow"
    if isinstance(rows, Mapping):
        columns, data = list(rows), _transposed(name, rows)
    elif isinstance(rows, Sequence) and not isinstance(rows, (str, bytes)) and all(map(_is_row, rows)):
        columns = list(dict.fromkeys(key for row in rows for key in row))
        data = [[row.get(column) for column in columns] for row in rows]
    else:
        raise TypeMismatch(
            f"'{name}' is a {type(rows).__name__}, which is no table.",
            fix="give a list of dicts, a dict of lists, or a table of pyarrow, pandas or polars",
        )
    return json_text(name, {"columns": [str(column) for column in columns], "data": data}), "text"


def as_arrow(value: Any) -> Any:
    """Return a table of pyarrow, pandas or polars as a `pyarrow.Table`; None when it is none of them."""
    if not hasattr(value, "__arrow_c_stream__") or hasattr(value, "dtype"):
        return None
    try:
        import pyarrow as pa
    except ImportError:
        raise missing_extra("pyarrow", "ml", needed_for="a table") from None
    if isinstance(value, pa.Table):
        return value
    try:
        return pa.table(value)
    except pa.ArrowException:
        # A single column of pyarrow, which is no table.
        return None


def figure(name: str, drawn: Any) -> list[File]:
    """Return the files of a figure of matplotlib or plotly.

    Raises:
        TypeMismatch: It is a figure of neither, or can't be written in the format that the name asks for.
    """
    stem, suffix = _split(name, (".png", ".svg", ".pdf", ".html", ".json"))
    if hasattr(drawn, "savefig"):
        suffixes = [suffix] if suffix else [".png", ".svg"]
        if set(suffixes) & {".html", ".json"}:
            raise _unwritable(name, suffix, ".png, .svg, .pdf")
        return [(stem + ending, _saved(drawn, ending[1:])) for ending in suffixes]
    if hasattr(drawn, "to_html") and hasattr(drawn, "to_json"):
        suffixes = [suffix] if suffix else [".html", ".json"]
        if set(suffixes) - {".html", ".json"}:
            raise _unwritable(name, suffix, ".html, .json")
        return [
            (stem + ending, str(drawn.to_json()) if ending == ".json" else str(drawn.to_html(include_plotlyjs=True)))
            for ending in suffixes
        ]
    if hasattr(drawn, "get_figure"):
        return figure(name, drawn.get_figure())
    raise TypeMismatch(
        f"'{name}' is a {type(drawn).__name__}, which is no figure of matplotlib or plotly.",
        fix="write it to a file and keep that: log_artifact(name, pathlib.Path(...))",
    )


def image(name: str, picture: Any) -> File:
    """Return an image of PIL, or an array, as a PNG file.

    Raises:
        TypeMismatch: It is neither.
        InvalidInput: The array has another shape, or values that are no brightness.
    """
    stem, suffix = _split(name, (".png",))
    if hasattr(picture, "save") and hasattr(picture, "getbands"):
        file = io.BytesIO()
        try:
            picture.save(file, format="PNG")
        except (OSError, ValueError, KeyError) as error:
            raise InvalidInput(
                f"the image '{name}' can't be written as PNG.", why=str(error), fix="convert it: image.convert('RGB')"
            ) from None
        return stem + ".png", file.getvalue()
    if not hasattr(picture, "__array__") and not isinstance(picture, (list, tuple)):
        raise TypeMismatch(
            f"'{name}' is a {type(picture).__name__}, which is no image.", fix="give a PIL image or array"
        )
    return stem + (suffix or ".png"), png(name, picture)


def png(name: str, picture: Any) -> bytes:
    """Return an array as a PNG file (PNG specification, third edition: signature, IHDR, IDAT, IEND).

    Args:
        name: What the image is called, for errors.
        picture: height x width, or height x width x channels: bytes, booleans, or fractions from 0 to 1.

    Raises:
        InvalidInput: It has another shape, or values that are no brightness.
    """
    try:
        import numpy as np
    except ImportError:
        raise missing_extra("numpy", "ml", needed_for="an image from an array") from None
    try:
        found = np.asarray(picture)
    except ValueError as error:
        raise InvalidInput(f"the image '{name}' is no array.", why=str(error)) from None
    if found.dtype.kind not in "buif":
        raise InvalidInput(f"the image '{name}' is an array of {found.dtype}.", fix="give whole numbers or fractions")
    if found.ndim == 2:
        found = found[:, :, None]
    if found.ndim != 3 or found.shape[2] not in _COLOURS or not found.size:
        raise InvalidInput(
            f"the image '{name}' has the shape {found.shape}.", fix="give height x width, or height x width x (1, 3, 4)"
        )
    if found.dtype != np.uint8:
        scale = 1.0 if np.issubdtype(found.dtype, np.integer) else 255.0
        values = found.astype(np.float64) * scale
        # Rounding of a model's output may leave the range by a hair.
        if not np.isfinite(values).all() or values.min() < -0.5 or values.max() > 255.5:
            raise InvalidInput(
                f"the image '{name}' has values that are no brightness.",
                why=f"they go from {found.min()} to {found.max()}",
                fix="give whole numbers from 0 to 255, or fractions from 0 to 1",
            )
        found = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    height, width, channels = found.shape
    # Each line of pixels begins with the number of its filter; 0 is none.
    lines = np.zeros((height, 1 + width * channels), dtype=np.uint8)
    lines[:, 1:] = found.reshape(height, width * channels)
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    body = zlib.compress(lines.tobytes(), 6)
    return _PNG + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _saved(drawn: Any, format_: str) -> bytes:
    file = io.BytesIO()
    drawn.savefig(file, format=format_, bbox_inches="tight")
    return file.getvalue()


def _split(name: str, known: tuple[str, ...]) -> tuple[str, str]:
    for suffix in known:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)], suffix
    return name, ""


def _unwritable(name: str, suffix: str, possible: str) -> TypeMismatch:
    return TypeMismatch(f"the figure '{name}' can't be written as {suffix}.", fix=f"use one of {possible}")


def _is_row(row: Any) -> bool:
    return isinstance(row, Mapping)


def _transposed(name: str, columns: Mapping[Any, Any]) -> list[list[Any]]:
    for key, column in columns.items():
        if isinstance(column, (str, bytes, Mapping)) or not isinstance(column, Iterable):
            raise TypeMismatch(
                f"the column '{key}' of the table '{name}' is a {type(column).__name__}.",
                fix="give a list of values for each column, or a list of dicts, one for each row",
            )
    lists = [list(column) for column in columns.values()]
    lengths = {len(column) for column in lists}
    if len(lengths) > 1:
        sizes = ", ".join(f"{key}: {len(column)}" for key, column in zip(columns, lists, strict=True))
        raise InvalidInput(f"the columns of the table '{name}' have different lengths.", why=sizes)
    return [list(row) for row in zip(*lists, strict=True)]


def _unwrapped(value: Any) -> Any:
    """Return what msgspec doesn't know as what it does: numbers and arrays of NumPy and the like."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"it holds a {type(value).__name__}")
