"""The messages of the Open Inference Protocol v2, REST (github.com/kserve/open-inference-protocol).

A request's tensors are columns here: each has shape [rows] (or [rows, 1]). Missing values are JSON null where the
signature allows them; JSON has no NaN.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import msgspec
import numpy as np

from mlwright.errors import InvalidInput, did_you_mean
from mlwright.registry.values import DATATYPES, Column

_FLAT: dict[str, Any] = {"F": float, "I": int, "U": int, "B": bool}


class Tensor(msgspec.Struct, frozen=True):
    """An input tensor as it was sent; its data is decoded when its type is known."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw
    parameters: dict[str, Any] | None = None


class RequestedOutput(msgspec.Struct, frozen=True):
    """An output that the client asks for."""

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(msgspec.Struct, frozen=True):
    """An inference request."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[RequestedOutput] | None = None


class OutputTensor(msgspec.Struct, frozen=True):
    """An output tensor."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class InferResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """An inference response; `model_version` is left out when several versions answered."""

    model_name: str
    id: str
    outputs: list[OutputTensor]
    model_version: str | None = None
    parameters: dict[str, str] | None = None


class TensorMetadata(msgspec.Struct, frozen=True):
    """A tensor that a model takes or gives; -1 is a dimension of any size."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, frozen=True):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


_requests = msgspec.json.Decoder(InferRequest)
_anything = msgspec.json.Decoder(Any)


def decode_request(body: bytes) -> InferRequest:
    """Read an inference request.

    Raises:
        InvalidInput: It isn't JSON, or isn't a request of the protocol; the error says where.
    """
    try:
        return _requests.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput("the body is no inference request.", why=str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        named = any(word in body for word in (b"NaN", b"Infinity"))
        hint = "JSON has no NaN or Infinity: send null for a missing value" if named else ""
        raise InvalidInput("the body isn't valid JSON.", why=str(error), fix=hint) from None


def digest_of(request: InferRequest) -> bytes:
    """Return 16 bytes that stand for the tensors of a request exactly as they were sent."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in sorted(request.inputs, key=lambda tensor: tensor.name):
        digest.update(f"{tensor.name}\x1f{tensor.datatype}\x1f{tensor.shape}\x1f".encode())
        digest.update(tensor.data)
    return digest.digest()


def read_columns(request: InferRequest, wanted: list[Column], allowed: dict[str, Column]) -> dict[str, np.ndarray]:
    """Return the columns of a request, checked against what the model takes.

    Args:
        request: The request.
        wanted: Columns that must be there.
        allowed: All columns that may be there, by name.

    Raises:
        InvalidInput: A column is missing, unknown or there twice, has another datatype, shape or number of values than
            it says, or a missing value where none may be. The error names it.
    """
    columns: dict[str, np.ndarray] = {}
    for tensor in request.inputs:
        column = allowed.get(tensor.name)
        if column is None:
            raise InvalidInput(
                f"the model has no input '{tensor.name}'.",
                fix=did_you_mean(tensor.name, list(allowed)),
                input=tensor.name,
            )
        if tensor.name in columns:
            raise InvalidInput(f"the input '{tensor.name}' is there twice.", input=tensor.name)
        columns[tensor.name] = read_tensor(tensor, column)
    missing = [column.name for column in wanted if column.name not in columns]
    if missing:
        raise InvalidInput(
            f"the input '{missing[0]}' is missing.",
            why=f"missing inputs: {', '.join(missing)}" if len(missing) > 1 else None,
            fix="send one tensor for each input of the model's metadata",
            input=missing[0],
        )
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        first, rows = next(iter(sizes.items()))
        other = next(name for name, size in sizes.items() if size != rows)
        raise InvalidInput(
            f"the inputs have different numbers of rows: '{first}' has {rows}, '{other}' has {sizes[other]}.",
            input=other,
        )
    return columns


def read_tensor(tensor: Tensor, column: Column) -> np.ndarray:
    """Return the values of one tensor as a column: text as objects, numbers that may be missing as float64 with NaN."""
    if tensor.datatype != column.datatype:
        known = tensor.datatype in DATATYPES
        raise InvalidInput(
            f"the input '{tensor.name}' has the datatype {tensor.datatype}, the model takes {column.datatype}.",
            why=None if known else f"the protocol's datatypes are {', '.join(DATATYPES)}",
            input=tensor.name,
        )
    shape = tensor.shape
    if not 1 <= len(shape) <= 2 or min(shape) < 0 or (len(shape) == 2 and shape[1] != 1):
        raise InvalidInput(
            f"the input '{tensor.name}' has the shape {shape}, the model takes [rows] or [rows, 1].", input=tensor.name
        )
    values = _values(tensor, column)
    if len(values) != shape[0]:
        raise InvalidInput(
            f"the input '{tensor.name}' has the shape {shape} and {len(values)} values.", input=tensor.name
        )
    return _array(values, column, tensor.name)


def _values(tensor: Tensor, column: Column) -> list[Any]:
    decoder = _decoder(column.datatype, column.nullable)
    try:
        values: list[Any] = decoder.decode(tensor.data)
    except msgspec.DecodeError as error:
        # Elements may also come nested, following the shape; that is rare, so it is tried second.
        try:
            flat = _flatten(_anything.decode(tensor.data))
            if flat is None:
                raise _wrong_values(tensor, error) from None
            values = msgspec.convert(flat, decoder.type)
        except (msgspec.DecodeError, RecursionError) as nested:
            raise _wrong_values(tensor, nested) from None
    return values


def _wrong_values(tensor: Tensor, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"the input '{tensor.name}' holds a value that isn't {tensor.datatype}.", why=str(error), input=tensor.name
    )


def _flatten(data: Any) -> list[Any] | None:
    """Return the values of [[a], [b], ...], None for anything else."""
    if not isinstance(data, list) or not all(isinstance(row, list) and len(row) == 1 for row in data):
        return None
    return [row[0] for row in data]


def _array(values: list[Any], column: Column, name: str) -> np.ndarray:
    if column.datatype == "BYTES":
        texts = np.empty(len(values), dtype=object)
        texts[:] = values
        return texts
    dtype = "float64" if column.nullable and column.datatype != "FP32" else DATATYPES[column.datatype]
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, dtype=dtype)
    except OverflowError:
        raise InvalidInput(f"the input '{name}' holds a number beyond {column.datatype}.", input=name) from None
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        # Missing values came as null, so what isn't finite here and wasn't null is a number too large for its type.
        large = [i for i, value in enumerate(values) if value is not None and not math.isfinite(array[i])]
        if large:
            raise InvalidInput(f"the input '{name}' holds a number beyond {column.datatype}.", input=name)
    return array


_decoders: dict[tuple[str, bool], msgspec.json.Decoder[Any]] = {}


def _decoder(datatype: str, nullable: bool) -> msgspec.json.Decoder[Any]:
    found = _decoders.get((datatype, nullable))
    if found is None:
        kind = str if datatype == "BYTES" else _FLAT[datatype[0]]
        found = msgspec.json.Decoder(list[kind | None] if nullable else list[kind])  # type: ignore[valid-type]
        _decoders[datatype, nullable] = found
    return found
