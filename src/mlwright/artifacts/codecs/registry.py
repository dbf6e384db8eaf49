"""The table of codecs, and the two functions that everybody calls: `save` and `load`."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from mlwright.artifacts.codecs.arrays import NumpyCodec
from mlwright.artifacts.codecs.columns import ColumnsCodec
from mlwright.artifacts.codecs.estimators import SkopsCodec
from mlwright.artifacts.codecs.paths import FileCodec, FolderCodec
from mlwright.artifacts.codecs.pickles import PickleCodec
from mlwright.artifacts.codecs.simple import BytesCodec, TextCodec
from mlwright.artifacts.codecs.structured import BundleCodec, JsonCodec, first_unknown
from mlwright.artifacts.codecs.tables import ArrowCodec, PandasCodec, ParquetCodec
from mlwright.artifacts.codecs.tensors import TensorsCodec
from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.errors import AlreadyExists, NotFound, PermissionDenied, TypeMismatch, did_you_mean


class Codec(Protocol):
    """Turns values of some types into blobs and back.

    Attributes:
        name: What the ledger keeps, for example `arrow`.
        kind: `blob`, or `tree` when its blob names others that have to be kept with it.
        unsafe: True when loading may run code that the blob holds.
    """

    name: str
    kind: str
    unsafe: bool

    def accepts(self, value: Any) -> bool:
        """Tell whether this codec brings the value back unchanged; asked of each codec in turn, so cheap."""

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store a value that this codec accepts. Equal values give equal bytes."""

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the value."""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A stored value.

    Attributes:
        digest: Its content.
        codec: What loads it.
        type: Its type, for example `pandas.DataFrame`, for people.
        size_bytes: Size of the content; of all files where it is a folder.
        unsafe: True when loading it may run code that it holds.
        kind: `blob` or `tree`, as `mlwright.ledger.artifacts.record` wants it.
    """

    digest: str
    codec: str
    type: str
    size_bytes: int
    unsafe: bool = False
    kind: str = "blob"


def register(codec: Codec) -> None:
    """Add a codec; it is asked before the built-in ones.

    Raises:
        AlreadyExists: There is another codec of this name.
    """
    if codec.name in names() and _theirs.get(codec.name) is not codec:
        raise AlreadyExists(f"there is a codec '{codec.name}' already.", fix="give yours another name")
    _theirs[codec.name] = codec


def names() -> list[str]:
    """Return the names of all codecs."""
    return list(_table())


def save(store: ArtifactStore, value: Any, *, codec: str | None = None, allow_pickle: bool = False) -> Saved:
    """Store a value.

    Args:
        store: Where to.
        value: What.
        codec: Name of the codec to use; chosen by the value's type by default.
        allow_pickle: Whether a value that no other codec knows may be pickled.

    Raises:
        TypeMismatch: No codec, or not the one asked for, brings this value back unchanged.
        NotFound: There is no codec of this name, or the path doesn't exist.
        PermissionDenied: Pickle was asked for without `allow_pickle`.
        StorageFull: There is no room.
    """
    chosen = _choose(value, allow_pickle) if codec is None else _find(codec)
    if chosen.unsafe and not allow_pickle:
        raise PermissionDenied(
            f"a {type_name(value)} is not stored with the codec '{chosen.name}' unless you wish it.",
            why="whoever loads it runs whatever code it holds",
            fix="allow_pickle=True, or return a value that another codec knows",
        )
    if codec is not None and not chosen.accepts(value):
        raise TypeMismatch(
            f"the codec '{codec}' can't store a {type_name(value)}.", fix="leave the codec out to have it chosen"
        )
    blob = chosen.save(store, value)
    return Saved(
        digest=blob.digest,
        codec=chosen.name,
        type=type_name(value),
        size_bytes=blob.size_bytes,
        unsafe=chosen.unsafe,
        kind=chosen.kind,
    )


def load(store: ArtifactStore, digest: str, codec: str, *, allow_pickle: bool = False) -> Any:
    """Return a stored value.

    Arrays and tables are mapped into memory, not read; a change to such an array stays in this process.

    Args:
        store: Where it is.
        digest: Its content.
        codec: The codec that saved it.
        allow_pickle: Whether a codec may be used that runs code which the blob holds.

    Raises:
        NotFound: There is no such blob, or no codec of this name.
        IntegrityError: The stored bytes no longer match the digest.
        PermissionDenied: Loading it would run code, and `allow_pickle` is False.
        MissingExtra: A package that the codec needs isn't installed.
    """
    chosen = _find(codec)
    if chosen.unsafe and not allow_pickle:
        raise PermissionDenied(
            f"the artifact {digest} is not loaded: its codec is '{codec}'.",
            why="loading it runs whatever code it holds",
            fix="allow_pickle=True, if you trust whoever made it",
            digest=digest,
        )
    return chosen.load(store, digest)


def type_name(value: Any) -> str:
    """Return the name of a value's type, as people write it."""
    class_ = type(value)
    return class_.__qualname__ if class_.__module__ == "builtins" else f"{class_.__module__}.{class_.__qualname__}"


def _choose(value: Any, allow_pickle: bool) -> Codec:
    taker = _first_taker(value) or next((codec for codec in _NESTED if codec.accepts(value)), None)
    if taker is not None:
        return taker
    if allow_pickle:
        return _ON_REQUEST["pickle"]
    unknown = first_unknown(value, lambda item: _first_taker(item) is not None)
    culprit = unknown.value if unknown else value
    place = f" (it is value{unknown.where})" if unknown and unknown.where else ""
    raise TypeMismatch(
        f"a value of type '{type_name(culprit)}' can't be stored{place}.",
        why=f"no codec brings it back unchanged; the codecs are {', '.join(names())}",
        fix="turn it into lists, dicts, arrays or a dataclass, or write it to a file and use its pathlib.Path, "
        "or allow pickle (unsafe)",
        type=type_name(culprit),
    )


def _first_taker(value: Any) -> Codec | None:
    return next((codec for codec in (*_theirs.values(), *_CODECS.values()) if codec.accepts(value)), None)


def _find(name: str) -> Codec:
    table = _table()
    if name not in table:
        raise NotFound(f"there is no codec '{name}'.", fix=did_you_mean(name, list(table)))
    return table[name]


def _table() -> dict[str, Codec]:
    return {**_theirs, **_CODECS, **{codec.name: codec for codec in _NESTED}, **_ON_REQUEST}


# The first that accepts a value saves it, so the special come before the general.
_CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        TextCodec(),
        BytesCodec(),
        NumpyCodec(),
        ColumnsCodec(),
        TensorsCodec(),
        ArrowCodec(),
        PandasCodec(),
        FileCodec(),
        FolderCodec(),
        SkopsCodec(),
    )
}
_NESTED: tuple[Codec, ...] = (
    JsonCodec(),
    BundleCodec(
        lambda item: _first_taker(item) is not None,
        save,
        load,
    ),
)
_ON_REQUEST: dict[str, Codec] = {codec.name: codec for codec in (ParquetCodec(), PickleCodec())}
_theirs: dict[str, Codec] = {}
