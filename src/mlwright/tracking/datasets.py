"""Datasets that a run used: named by the digest of their content, described by columns and row count, never copied."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from mlwright.artifacts import codecs
from mlwright.artifacts.port import ArtifactStore, Blob, Source
from mlwright.core.clock import wall_now
from mlwright.core.digest import digest_bytes
from mlwright.core.masking import mask
from mlwright.errors import NotFound, TypeMismatch
from mlwright.tracking import checking, contents
from mlwright.tracking.records import Used

_CHUNK = 1 << 20
_MOST_COLUMNS = 1000


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset as it was found.

    Attributes:
        name: What people call it.
        digest: Digest of its content: the same content always has the same.
        source_type: `file`, `folder`, `table`, `array` or `values`.
        source: The file's or folder's path; empty for data in memory.
        columns: Name and type of each column.
        profile: `rows`, `size_bytes` and the like, as far as known.
    """

    name: str
    digest: str
    source_type: str
    source: str = ""
    columns: list[dict[str, str]] = []
    profile: dict[str, Any] = {}

    def as_record(self, context: str) -> Used:
        """Return it as a journal keeps it, with what it is used for."""
        return Used(
            name=self.name,
            digest=self.digest,
            source_type=self.source_type,
            source=self.source,
            schema=msgspec.json.encode(self.columns).decode() if self.columns else "",
            profile=msgspec.json.encode(self.profile).decode() if self.profile else "",
            context=context,
        )


def describe(data: Any, *, name: str = "") -> Described:
    """Return digest, columns and size of some data.

    Args:
        data: A file or folder (as `pathlib.Path` or text), a table of pyarrow, pandas or polars, a NumPy array, a dict
            of arrays, or plain values.
        name: What people call it; made of the path or the digest when empty.

    Raises:
        NotFound: The path doesn't exist.
        TypeMismatch: The content of this type has no digest.
    """
    if isinstance(data, str):
        data = Path(data)
    found = _of_path(data) if isinstance(data, Path) else _of_values(data)
    name = checking.name_of(name, "dataset") if name else _printable(found.name) or f"data-{found.digest[7:15]}"
    return msgspec.structs.replace(found, name=name)


def _of_path(path: Path) -> Described:
    if not path.exists():
        raise NotFound(f"the dataset {mask(str(path))} does not exist.", why=f"the working directory is {Path.cwd()}")
    # Names of files need not be text.
    source = str(path.absolute()).encode("utf-8", "replace").decode()
    if path.is_dir():
        saved = codecs.save(_digests(), path)
        profile = {"size_bytes": saved.size_bytes, "files": sum(1 for file in path.rglob("*") if file.is_file())}
        return Described(name=path.name, digest=saved.digest, source_type="folder", source=source, profile=profile)
    blob = _Digests().put(path)
    columns, profile = _of_parquet(path) if path.suffix == ".parquet" else ([], {})
    profile["size_bytes"] = blob.size_bytes
    return Described(
        name=path.name, digest=blob.digest, source_type="file", source=source, columns=columns, profile=profile
    )


def _printable(name: str) -> str:
    """Return a file's name as one that may be kept."""
    return "".join(letter if letter.isprintable() else "_" for letter in name)[: checking.MOST_NAME]


def _of_parquet(path: Path) -> tuple[list[dict[str, str]], dict[str, Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return [], {}
    try:
        with pq.ParquetFile(path) as file:
            return _columns(file.schema_arrow), {"rows": file.metadata.num_rows}
    except (pa.ArrowException, OSError):
        # The digest holds for a file that calls itself Parquet and isn't; only its columns aren't known.
        return [], {}


def _of_values(data: Any) -> Described:
    arrow = contents.as_arrow(data)
    if arrow is not None:
        # What a library notes of itself in the metadata is no content.
        saved = codecs.save(_digests(), arrow.replace_schema_metadata(None), codec="arrow")
        profile: dict[str, Any] = {"rows": arrow.num_rows, "columns": arrow.num_columns, "size_bytes": arrow.nbytes}
        return Described(
            name="", digest=saved.digest, source_type="table", columns=_columns(arrow.schema), profile=profile
        )
    if hasattr(data, "toarray") and hasattr(data, "tocsr"):
        data = _sparse(data)
    elif hasattr(data, "to_numpy") and hasattr(data, "dtype") and hasattr(data, "name"):
        # One column of a data frame of pandas or polars.
        data = {str(data.name) if data.name is not None else "": data.to_numpy()}
    try:
        saved = codecs.save(_digests(), data)
    except TypeMismatch as error:
        raise TypeMismatch(
            f"a {type(data).__name__} is no dataset that has a digest.",
            why=error.what,
            fix="give a file, a table, a NumPy array, or a dict of arrays",
        ) from None
    profile = {"size_bytes": saved.size_bytes}
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        profile |= {"rows": data.shape[0] if data.shape else 1, "shape": list(data.shape)}
        columns = [{"name": "", "type": str(data.dtype)}]
        return Described(name="", digest=saved.digest, source_type="array", columns=columns, profile=profile)
    if isinstance(data, dict) and data and all(hasattr(column, "dtype") for column in data.values()):
        columns = [{"name": str(key), "type": str(column.dtype)} for key, column in data.items()]
        profile["rows"] = len(next(iter(data.values())))
        return Described(
            name="", digest=saved.digest, source_type="table", columns=columns[:_MOST_COLUMNS], profile=profile
        )
    if isinstance(data, (list, tuple)):
        profile["rows"] = len(data)
    return Described(name="", digest=saved.digest, source_type="values", profile=profile)


def _sparse(data: Any) -> dict[str, Any]:
    """Return the arrays that a sparse matrix consists of, its entries in order."""
    rows = data.tocsr(copy=True)
    rows.sum_duplicates()
    rows.sort_indices()
    return {"indptr": rows.indptr, "indices": rows.indices, "data": rows.data}


def _columns(schema: Any) -> list[dict[str, str]]:
    return [{"name": field.name, "type": str(field.type)} for field in list(schema)[:_MOST_COLUMNS]]


def _digests() -> ArtifactStore:
    """Return a store for codecs to write to, of which only `put` is called."""
    return cast("ArtifactStore", _Digests())


class _Digests:
    """A store that keeps nothing: it only tells the digest that a content would have."""

    def put(self, source: Source) -> Blob:
        import hashlib

        at: datetime = wall_now()
        if isinstance(source, bytes):
            return Blob(digest_bytes(source), len(source), at)
        if isinstance(source, Path):
            with source.open("rb") as file:
                found = hashlib.file_digest(file, "sha256")
            return Blob(f"sha256:{found.hexdigest()}", source.stat().st_size, at)
        target = _Hashing()
        source(cast("BinaryIO", target))
        return Blob(f"sha256:{target.hash.hexdigest()}", target.size_bytes, at)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"nothing is kept here, so there is no {name}")


class _Hashing:
    """A file for writing that computes the digest of what passes."""

    closed = False

    def __init__(self) -> None:
        import hashlib

        self.hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes | memoryview) -> int:
        self.hash.update(data)
        count = memoryview(data).nbytes
        self.size_bytes += count
        return count

    def tell(self) -> int:
        return self.size_bytes

    def flush(self) -> None:
        """Do nothing: there is nothing behind it."""

    def close(self) -> None:
        """Do nothing: libraries close the files that they are given, and this one is still asked."""

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False
