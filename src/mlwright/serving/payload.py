"""How the rows of one request are packed into one blob of the inference log: msgpack around little-endian buffers.

The format has a number. A reader knows all numbers ever written; a change of layout takes a new one.
"""

from __future__ import annotations

import msgspec
import numpy as np

from mlwright.errors import IntegrityError

FORMAT = 1


class PackedColumn(msgspec.Struct, frozen=True, array_like=True):
    """One column: numbers as a buffer of their type, text as a list.

    Attributes:
        dtype: NumPy's name of the type with its byte order, for example `<f8`; `text` for text.
        data: The buffer of numbers.
        text: The texts, None for missing ones.
    """

    dtype: str
    data: bytes = b""
    text: list[str | None] = []


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one request as they are logged. Buffers hold one entry for each row.

    Attributes:
        request: The caller's request id.
        inputs: Digest of the tensors as they were sent, to tell a retry from another request of the same id.
        ids: Prediction ids.
        arms: Name and version of each arm that took part.
        arm: Which of them a row was assigned to (uint8).
        answered_by: Which of them answered it (uint8).
        failed: 1 where the assigned arm failed (uint8).
        output: Name of the output.
        score: What was answered (float64); NaN when nobody could answer.
        baseline: What the stable arm would have answered (float64), NaN where it wasn't asked; empty when it never was.
        latency_s: From the whole request read to the answer ready.
        error: What the failing arm said, shortened; empty when none failed.
        features: The input columns, packed once more so that readers who don't want them need not decode them.
    """

    request: str
    inputs: bytes
    ids: list[str]
    arms: list[tuple[str, int]]
    arm: bytes
    answered_by: bytes
    failed: bytes
    output: str
    score: bytes
    baseline: bytes
    latency_s: float
    error: str
    features: bytes

    @property
    def is_answered(self) -> bool:
        """False for a failed attempt: nobody could answer, and the caller got an error."""
        return not np.isnan(floats(self.score)).any()


_encoder = msgspec.msgpack.Encoder()
_payloads = msgspec.msgpack.Decoder(Payload)
_features = msgspec.msgpack.Decoder(dict[str, PackedColumn])


def encode(payload: Payload) -> bytes:
    """Return the blob of a payload."""
    return _encoder.encode(payload)


def decode(data: bytes, format_: int) -> Payload:
    """Return the payload of a blob.

    Raises:
        IntegrityError: The blob isn't of a known format, or is damaged.
    """
    if format_ != FORMAT:
        raise IntegrityError(
            f"the inference log holds a batch of format {format_}, which this mlwright doesn't know.",
            fix="pip install --upgrade mlwright",
        )
    try:
        return _payloads.decode(data)
    except msgspec.MsgspecError as error:
        raise IntegrityError("a batch of the inference log is damaged.", why=str(error)) from error


def pack_features(columns: dict[str, np.ndarray]) -> bytes:
    """Return the packed form of some columns."""
    return _encoder.encode({name: _pack(values) for name, values in columns.items()})


def unpack_features(data: bytes) -> dict[str, np.ndarray]:
    """Return the columns of `pack_features`; arrays of numbers are read-only."""
    return {name: _unpack(column) for name, column in _features.decode(data).items()}


def floats(buffer: bytes) -> np.ndarray:
    """Return the numbers of a float64 buffer."""
    return np.frombuffer(buffer, dtype="<f8")


def _pack(values: np.ndarray) -> PackedColumn:
    if values.dtype == object:
        return PackedColumn("text", text=values.tolist())
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return PackedColumn(little.dtype.str, little.tobytes())


def _unpack(column: PackedColumn) -> np.ndarray:
    if column.dtype == "text":
        texts = np.empty(len(column.text), dtype=object)
        texts[:] = column.text
        return texts
    return np.frombuffer(column.data, dtype=column.dtype)
