"""Tables: Arrow files, uncompressed and mapped into memory on loading; Parquet on request; pandas by way of Arrow."""

from __future__ import annotations

import sys
from typing import Any, BinaryIO

from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.errors import TypeMismatch, missing_extra


class ArrowCodec:
    """A `pyarrow.Table` as an Arrow IPC file."""

    name = "arrow"
    kind = "blob"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value is a table."""
        return _is_table(value)

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the table in one batch, so that the digest doesn't depend on how it was chunked."""
        return store.put(lambda file: _write(file, value))

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the table; its columns are read from the file as they are used."""
        pa = _pyarrow()
        return pa.ipc.open_file(pa.memory_map(str(store.path(digest)))).read_all()


class ParquetCodec:
    """A `pyarrow.Table` as a Parquet file: smaller, slower, read by everything."""

    name = "parquet"
    kind = "blob"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value is a table."""
        return _is_table(value)

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the table."""
        _pyarrow()
        import pyarrow.parquet as pq

        return store.put(lambda file: pq.write_table(value.combine_chunks(), file))

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the table."""
        _pyarrow()
        import pyarrow.parquet as pq

        return pq.ParquetFile(store.path(digest)).read()


class PandasCodec:
    """A `pandas.DataFrame` as an Arrow IPC file, index and all."""

    name = "pandas"
    kind = "blob"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value is a data frame."""
        pd = sys.modules.get("pandas")
        return pd is not None and type(value) is getattr(pd, "DataFrame", None)

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the frame.

        Raises:
            TypeMismatch: A column or the index would not come back as it is.
        """
        pa = _pyarrow()
        try:
            table = pa.Table.from_pandas(value, preserve_index=True)
        except (pa.ArrowException, ValueError, TypeError) as error:
            raise TypeMismatch(
                "this data frame can't be stored.", why=str(error), fix="give every column one type, or use to_dict()"
            ) from error
        _check_frame(value, table.to_pandas())
        return store.put(lambda file: _write(file, table))

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the frame."""
        return ArrowCodec().load(store, digest).to_pandas()


def _is_table(value: Any) -> bool:
    pa = sys.modules.get("pyarrow")
    return pa is not None and type(value) is getattr(pa, "Table", None)


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.ipc
    except ImportError:
        raise missing_extra("pyarrow", "ml", needed_for="a table") from None
    return pa


def _write(file: BinaryIO, table: Any) -> None:
    pa = _pyarrow()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table.combine_chunks())


def _check_frame(frame: Any, again: Any) -> None:
    if list(frame.columns) != list(again.columns) or frame.columns.dtype != again.columns.dtype:
        raise TypeMismatch(
            "this data frame can't be stored.",
            why="its column names would come back changed",
            fix="name the columns with plain text, each once",
        )
    types = zip(frame, frame.dtypes, again.dtypes, strict=True)
    changed = [str(name) for name, before, after in types if before != after]
    if changed or not frame.equals(again):
        column = f"the column '{changed[0]}'" if changed else "a value"
        raise TypeMismatch(
            "this data frame can't be stored.",
            why=f"{column} would come back changed",
            fix="convert it with astype first, or return a pyarrow.Table",
        )
