"""Adapters as rows of data: which outside systems exist, found and listed without importing any of them.

The rows of this package are in `mlwright/adapters/table.py`. Other packages add theirs by the entry point group
`mlwright.adapters`, each entry naming a list of `Spec`.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import msgspec

from mlwright.errors import MissingExtra, NotFound, did_you_mean

_TABLE = "mlwright.adapters.table"


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter.

    Attributes:
        port: What it plugs into, for example `executor`.
        name: What users call it, for example `process`.
        target: `package.module:Class`.
        extra: Extra of mlwright that installs what it needs; empty when nothing more is needed.
        packages: Import names that must be there for it to work.
        summary: One sentence for listings.
    """

    port: str
    name: str
    target: str
    summary: str
    extra: str = ""
    packages: tuple[str, ...] = ()


@cache
def specs() -> tuple[Spec, ...]:
    """Return every known adapter: this package's rows, then those of other packages."""
    rows: list[Spec] = list(importlib.import_module(_TABLE).ROWS)
    for entry in entry_points(group="mlwright.adapters"):
        rows += entry.load()
    return tuple(rows)


def find(port: str, name: str) -> Spec:
    """Return the row of an adapter.

    Raises:
        NotFound: No adapter of this port has this name.
    """
    known = [spec for spec in specs() if spec.port == port]
    for spec in known:
        if spec.name == name:
            return spec
    raise NotFound(f"there is no {port} '{name}'.", fix=did_you_mean(name, [spec.name for spec in known]))


def load(port: str, name: str) -> Any:
    """Import an adapter's class.

    Raises:
        NotFound: No adapter of this port has this name.
        MissingExtra: What it needs isn't installed.
    """
    spec = find(port, name)
    module, _, attribute = spec.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "mlwright":
            raise
        raise MissingExtra(
            f"the {port} '{name}' needs the package '{error.name}', which is not installed.",
            fix=installation(spec),
        ) from error


def installation(spec: Spec) -> str:
    """Return the command that installs what an adapter needs.

    Example:
        >>> installation(find("frame", "polars"))
        'pip install polars'
    """
    return f"pip install 'mlwright[{spec.extra}]'" if spec.extra else f"pip install {' '.join(spec.packages)}"


def missing_packages(spec: Spec) -> list[str]:
    """Return the packages that an adapter needs and that can't be found, importing none of them."""
    from importlib.util import find_spec

    return [package for package in spec.packages if find_spec(package) is None]
