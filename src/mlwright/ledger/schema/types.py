"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def to_microseconds(moment: datetime) -> int:
    """Return a moment as the ledger keeps it: whole microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the moment in UTC that is so many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=count)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, kept as whole microseconds since 1970: sorts and compares alike everywhere."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Turn a moment into microseconds."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        """Turn microseconds into a moment."""
        return None if value is None else from_microseconds(value)


class Json(TypeDecorator[Any]):
    """Any JSON-able value, kept as text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        """Turn a value into JSON text."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        """Turn JSON text into a value."""
        return None if value is None else msgspec.json.decode(value)


class JsonOrNull(Json):
    """Any JSON-able value in a column that is never empty: None is kept as JSON's null."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str:
        """Turn a value into JSON text."""
        return msgspec.json.encode(value).decode()


class Real(TypeDecorator[float]):
    """A double; NaN is kept as NULL, because SQLite can't store it. A column of this type is never NULL otherwise."""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: sa.Dialect) -> float | None:
        """Turn NaN into NULL."""
        return None if value is None or math.isnan(value) else value

    def process_result_value(self, value: float | None, dialect: sa.Dialect) -> float:
        """Turn NULL into NaN."""
        return math.nan if value is None else value


def speak_postgresql() -> None:
    """Give the partial indexes their conditions on PostgreSQL, which are those on SQLite.

    They aren't given where the indexes are declared, because that loads all drivers of PostgreSQL into every process.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            condition = index.dialect_options["sqlite"]["where"]
            if condition is not None:
                index.dialect_options["postgresql"]["where"] = condition


def digest_column(name: str, **options: Any) -> sa.Column[str]:
    """Return a column that holds a digest (`sha256:` and 64 digits)."""
    return sa.Column(name, sa.String(71), **options)


def id_column(name: str = "id", **options: Any) -> sa.Column[str]:
    """Return a column that holds an id of `mlwright.core.ids`."""
    return sa.Column(name, sa.String(26), **options)


def counter_column(name: str = "id", **options: Any) -> sa.Column[int]:
    """Return a column that the database numbers by itself: SQLite does so only in a column of type INTEGER."""
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, **options)
