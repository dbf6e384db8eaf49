"""Digests: the names of content. Always `sha256:` and 64 hexadecimal digits, as in OCI, in-toto and sigstore."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

_PATTERN = re.compile(r"sha256:[0-9a-f]{64}")


def digest_bytes(data: bytes | memoryview) -> str:
    """Return the digest of some bytes.

    Example:
        >>> digest_bytes(b"")[:15]
        'sha256:e3b0c442'
    """
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """Return the digest of a JSON-able value; the order of keys doesn't matter.

    Example:
        >>> digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
        True
    """
    return digest_bytes(canonical_json(value))


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, structs by field name."""
    return msgspec.json.encode(value, order="deterministic")


def is_digest(text: str) -> bool:
    """Tell whether a text is a whole digest."""
    return _PATTERN.fullmatch(text) is not None
