"""Points of a metric as bytes: few as they are, whole blocks compressed; and the outline of a block for plots.

Very few points (a tail, an outline) are one record after the other, so that tails grow by appending.

A packed block is a format byte and three columns of 64-bit little-endian numbers: steps, times (microseconds since
1970) and values (doubles; NaN and infinities are kept). Format 0 has the columns as they are. In format 1 steps and
times are differences to the number before, the bytes of each column are sorted by their place in the number (all lowest
bytes first), which puts what is alike side by side, and the whole is compressed by zlib.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import sub
from typing import Any

from mlwright.errors import IntegrityError, InvalidInput

#: Step, time and value of a point, in this order, so that points sort by it.
Row = tuple[int, int, float]

#: How many points a chunk holds.
BLOCK = 1024
#: An outline has the corners of so many parts of a block.
PARTS = 4
_PLAIN, _SQUEEZED = b"\0", b"\1"
_POINT = struct.Struct("<qqd")
_ONE = struct.Struct("<Bqqd")
_FASTEST = 1
_HALF, _WHOLE = 1 << 63, 1 << 64


def as_records(rows: Iterable[Row]) -> bytes:
    """Return very few points as bytes, to which more can be appended."""
    return b"".join([_POINT.pack(*row) for row in rows])


def read_records(data: bytes) -> Iterator[Row]:
    """Yield the points of such bytes."""
    return _POINT.iter_unpack(data)


def count_records(data: bytes) -> int:
    """Return how many points such bytes hold."""
    return len(data) // _POINT.size


def pack(rows: Sequence[Row]) -> bytes:
    """Return points as bytes, as they are: what a small batch is kept as.

    Raises:
        InvalidInput: A step or a time is no 64-bit whole number, or a value is no number.

    Example:
        >>> unpack(pack([(7, 1_700_000_000_000_000, 0.5)]))
        [(7, 1700000000000000, 0.5)]
    """
    try:
        if len(rows) == 1:
            return _ONE.pack(0, *rows[0])
        steps, times, values = zip(*rows, strict=True)
        return b"".join([_PLAIN, _bytes("q", steps), _bytes("q", times), _bytes("d", values)])
    except struct.error as error:
        raise InvalidInput(
            "a point of a metric can't be kept.",
            why=f"its step must be a 64-bit whole number and its value a number ({error})",
        ) from error


def squeeze(rows: Sequence[Row]) -> bytes:
    """Return points as few bytes: what a whole block is kept as."""
    steps, times, values = zip(*rows, strict=True)
    columns = (_bytes("q", _differences(steps)), _bytes("q", _differences(times)), _bytes("d", values))
    return _SQUEEZED + zlib.compress(b"".join(map(_by_place, columns)), _FASTEST)


def unpack(data: bytes) -> list[Row]:
    """Return the points of a block, in the order in which they were packed.

    Raises:
        IntegrityError: The bytes are no block.
    """
    try:
        if data[:1] == _PLAIN:
            steps, times, values = _columns(data[1:])
        elif data[:1] == _SQUEEZED:
            steps, times, values = _loosened(zlib.decompress(data[1:]))
        else:
            raise ValueError(f"the format {data[:1]!r} is unknown")
    except (ValueError, struct.error, zlib.error) as error:
        raise IntegrityError(
            "a block of metric points in the ledger can't be read.", why=str(error), fix="restore it from a backup"
        ) from error
    return list(zip(steps, times, values, strict=True))


def outline(rows: Sequence[Row]) -> bytes:
    """Return the few points that a plot needs of a block: first, last, smallest and largest of each quarter."""
    size = -(-len(rows) // PARTS)
    kept = (corners(rows[start : start + size]) for start in range(0, len(rows), size))
    return as_records(chain.from_iterable(kept))


def corners(rows: Sequence[Row]) -> list[Row]:
    """Return first, last, smallest and largest of some points, in their order, each once."""
    numbers = [row[2] for row in rows if row[2] == row[2]]
    places = {0, len(rows) - 1}
    if numbers:
        values = [row[2] for row in rows]
        places |= {values.index(min(numbers)), values.index(max(numbers))}
    return [rows[place] for place in sorted(places)]


def _differences(numbers: tuple[int, ...]) -> list[int]:
    found = [numbers[0], *map(sub, numbers[1:], numbers)]
    # A difference of two 64-bit numbers may need a 65th bit: it is wrapped, and so is the sum that uses it.
    return found if _fit(found) else list(map(_wrapped, found))


def _summed(differences: Sequence[int]) -> list[int]:
    numbers = list(accumulate(differences))
    return numbers if _fit(numbers) else list(map(_wrapped, numbers))


def _fit(numbers: list[int]) -> bool:
    return min(numbers) >= -_HALF and max(numbers) < _HALF


def _wrapped(number: int) -> int:
    return (number + _HALF) % _WHOLE - _HALF


def _by_place(column: bytes) -> bytes:
    return b"".join([column[place::8] for place in range(8)])


def _loosened(data: bytes) -> tuple[Sequence[int], Sequence[int], Sequence[float]]:
    loose = bytearray(len(data))
    size = len(data) // 24
    for start in range(0, 24 * size, 8 * size):
        for place in range(8):
            loose[start + place : start + 8 * size : 8] = data[start + place * size : start + (place + 1) * size]
    steps, times, values = _columns(loose)
    return _summed(steps), _summed(times), values


def _columns(data: bytes | bytearray) -> tuple[Sequence[int], Sequence[int], Sequence[float]]:
    size = len(data) // 3
    steps, times = _numbers("q", data[:size]), _numbers("q", data[size : 2 * size])
    return steps, times, _numbers("d", data[2 * size :])


def _bytes(kind: str, numbers: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}{kind}", *numbers)


def _numbers(kind: str, data: bytes | bytearray) -> tuple[Any, ...]:
    return struct.unpack(f"<{len(data) // 8}{kind}", data)
