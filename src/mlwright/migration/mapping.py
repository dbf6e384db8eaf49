"""How what is here is told to MLflow, which has tighter limits; each rule that changes something says so.

- A param that is no text becomes its JSON.
- A text that is longer than MLflow takes is cut, and ends in `...`; the whole is in the file `mlwright/whole.json`.
- In a key, letters that MLflow doesn't take become `_`, a key that is too long is cut, and both get the beginning of a
  digest, so that two keys never become one; the old keys are in the file `mlwright/keys.json`.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from typing import Any

import msgspec

from mlwright.ledger.tracked import as_text

LONGEST_KEY = 250
LONGEST_PARAM = 6000
LONGEST_TAG = 8000
LONGEST_DATASET = {"name": 500, "digest": 36, "source": 65_535, "schema": 1_048_575, "profile": 16_777_215}
LONGEST_INPUT_TAG = 500
KEYS_FILE, WHOLE_FILE = "mlwright/keys.json", "mlwright/whole.json"
_KEY = re.compile(r"[/\w.\- :]*")
_BAD = re.compile(r"[^/\w.\- :]")
_CUT = "..."
_MARK = 8


class Mapped(msgspec.Struct, kw_only=True):
    """What a run logged, as MLflow takes it.

    Attributes:
        params: Params.
        tags: Tags.
        keys: Old keys of what has a new one: new key to old one.
        whole: What was cut, whole, by kind and old key.
    """

    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    keys: dict[str, str] = {}
    whole: dict[str, dict[str, Any]] = {}


def mapped(params: dict[str, Any], tags: dict[str, str], metrics: list[str]) -> Mapped:
    """Return what a run logged as MLflow takes it.

    Example:
        >>> found = mapped({"lr@1": {"decay": 0.5}}, {}, [])
        >>> list(found.params.values()), list(found.keys.values())
        (['{"decay":0.5}'], ['lr@1'])
    """
    found = Mapped(params={}, tags={}, keys={}, whole={})
    for name, values, into, longest in (
        ("params", {key: as_text(value) for key, value in params.items()}, found.params, LONGEST_PARAM),
        ("tags", tags, found.tags, LONGEST_TAG),
    ):
        for key, text in values.items():
            into[_key(found, key)] = cut(text, longest)
            if len(text) > longest:
                found.whole.setdefault(name, {})[key] = text
    for key in metrics:
        _key(found, key)
    return found


def key_there(key: str) -> str:
    """Return a key as MLflow takes it; most stay as they are."""
    plain = posixpath.normpath(key) if key else ""
    safe = _KEY.fullmatch(key) and plain == key and plain != "." and not plain.startswith(("..", "/"))
    if key and safe and len(key) <= LONGEST_KEY:
        return key
    kept = posixpath.normpath(_BAD.sub("_", key) or "_").lstrip("./") or "_"
    mark = hashlib.sha256(key.encode()).hexdigest()[:_MARK]
    return f"{kept[: LONGEST_KEY - _MARK - 1]}-{mark}"


def cut(text: str, longest: int) -> str:
    """Return a text that is at most so long."""
    return text if len(text) <= longest else text[: longest - len(_CUT)] + _CUT


def _key(found: Mapped, key: str) -> str:
    there = key_there(key)
    if there != key:
        found.keys[there] = key
    return there
