"""scikit-learn estimators, in skops's format: no code in the file, only known types, and the same bytes each time.

skops names nodes and files by memory addresses, which differ from one process to the next. They are renamed by their
place and by their content, and the archive's dates are fixed, so that equal models have one digest.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import sys
import zipfile
from typing import Any

from mlwright.artifacts.codecs.arrays import numpy, without_padding
from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.errors import TypeMismatch, missing_extra

_SCHEMA = "schema.json"
_NPY = b"\x93NUMPY"
_HEADER_BYTES = 4096
# Whether two of these are one object or two equal ones can't be seen from outside, and differs between equal models.
_WITHOUT_IDENTITY = frozenset({"JsonNode", "TypeNode", "FunctionNode", "TupleNode", "SliceNode"})

# Gradient boosting on categories holds its input check as a partial function; what a partial calls is judged by itself.
_HARMLESS = frozenset({"functools.partial", "sklearn.utils.validation.check_array"})


class SkopsCodec:
    """A scikit-learn estimator or pipeline."""

    name = "skops"
    kind = "blob"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value is an estimator."""
        base = sys.modules.get("sklearn.base")
        return base is not None and isinstance(value, base.BaseEstimator)

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the estimator.

        Raises:
            TypeMismatch: It holds something that skops can't store, or a type that isn't trusted.
        """
        sio = _skops()
        try:
            data = sio.dumps(value)
        except (TypeError, ValueError, AttributeError, RecursionError, _unsupported()) as error:
            raise TypeMismatch(
                f"the estimator {type(value).__name__} can't be stored with skops.",
                why=str(error),
                fix="use parts that scikit-learn ships, or allow pickle (unsafe)",
            ) from error
        _trusted(sio, data, type(value).__name__)
        return store.put(canonical(data))

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the estimator.

        Raises:
            TypeMismatch: The file holds a type that isn't trusted.
        """
        sio = _skops()
        data = store.read(digest)
        return sio.loads(data, trusted=_trusted(sio, data, digest))


def canonical(data: bytes) -> bytes:
    """Return the skops file of the same model without what differs from one saving to the next."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: _without_padding(archive.read(name)) for name in archive.namelist()}
    schema = json.loads(files.pop(_SCHEMA))
    names = {name: _name_by_content(name, content) for name, content in files.items()}
    _rename(schema, names)
    by_new_name = {names[name]: content for name, content in files.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(by_new_name):
            archive.writestr(zipfile.ZipInfo(name), by_new_name[name])
        archive.writestr(zipfile.ZipInfo(_SCHEMA), json.dumps(schema, indent=1))
    return out.getvalue()


def _unsupported() -> type[Exception]:
    """Return the exception that skops raises for a type it can't store."""
    error: type[Exception] = importlib.import_module("skops.io.exceptions").UnsupportedTypeException
    return error


def _without_padding(content: bytes) -> bytes:
    """Return an array's file with zeros in the padding of structured types; the nodes of trees have such."""
    if not content.startswith(_NPY) or b"('" not in content[:_HEADER_BYTES]:
        return content
    array = numpy().load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    out = io.BytesIO()
    numpy().save(out, without_padding(array), allow_pickle=False)
    return out.getvalue()


def _name_by_content(name: str, content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}.{name.rpartition('.')[2]}"


def _rename(schema: dict[str, Any], names: dict[str, str]) -> None:
    """Give every node a number by its place, the same number where it is the same object; rename the files."""
    numbers: dict[int, int] = {}
    count = 0
    stack: list[Any] = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack += reversed(node)
            continue
        if not isinstance(node, dict):
            continue
        if isinstance(node.get("__id__"), int):
            count += 1
            is_plain = node.get("__loader__") in _WITHOUT_IDENTITY
            node["__id__"] = count if is_plain else numbers.setdefault(node["__id__"], count)
        if isinstance(node.get("file"), str):
            node["file"] = names.get(node["file"], node["file"])
        stack += reversed(node.values())


def _trusted(sio: Any, data: bytes, subject: str) -> list[str]:
    """Return the types beyond skops's own list that a file needs, if all of them are scikit-learn's own classes."""
    needed: list[str] = sio.get_untrusted_types(data=data)
    foreign = [name for name in needed if name not in _HARMLESS and not _is_class_of_sklearn(name)]
    if foreign:
        raise TypeMismatch(
            f"the estimator {subject} holds types that are not trusted.",
            why=f"they are {', '.join(foreign)}; only scikit-learn's own classes are",
            fix="use parts that scikit-learn ships, or allow pickle (unsafe)",
            types=foreign,
        )
    return needed


def _is_class_of_sklearn(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    if not module.startswith("sklearn."):
        return False
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__.startswith("sklearn.")


def _skops() -> Any:
    try:
        return importlib.import_module("skops.io")
    except ImportError:
        raise missing_extra("skops", "ml", needed_for="a scikit-learn model") from None
