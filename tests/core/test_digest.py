from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.core.digest import canonical_json, digest_bytes, digest_json, is_digest

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


@given(data=st.binary())
def test_a_digest_is_the_sha_256_of_the_bytes(data: bytes) -> None:
    assert digest_bytes(data) == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert digest_bytes(memoryview(data)) == digest_bytes(data)
    assert is_digest(digest_bytes(data))


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(item) for key, item in reversed(value.items())}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(value=json_values)
def test_the_order_of_keys_does_not_matter(value: Any) -> None:
    try:
        text = canonical_json(value)
    except UnicodeEncodeError:
        return
    assert canonical_json(reordered(value)) == text
    assert digest_json(value) == digest_bytes(text)
    assert msgspec.json.decode(text) == value


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "a" * 63, "sha256:" + "A" * 64, "sha256:" + "a" * 64 + "\n", "a" * 64]
)
def test_what_is_not_a_whole_digest_is_none(text: str) -> None:
    assert not is_digest(text)
