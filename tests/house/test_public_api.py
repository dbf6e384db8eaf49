"""The public names: a snapshot, so that none comes or goes by accident, each loadable and documented."""

from __future__ import annotations

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mlwright

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT = Path(__file__).with_name("public_names.txt")
NAMES = [name for name in mlwright.__all__ if not name.startswith("__")]


def test_the_public_names_are_those_of_the_snapshot() -> None:
    assert sorted(NAMES) == SNAPSHOT.read_text().split()


@pytest.mark.parametrize("name", NAMES)
def test_each_public_name_loads_and_is_documented(name: str) -> None:
    value = getattr(mlwright, name)
    assert (inspect.getdoc(value) or "").strip()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mlwright.nonsense


def test_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from mlwright import *", names)
    assert set(NAMES) <= set(names)


def test_the_package_has_the_version_of_the_project_file() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == mlwright.__version__


def test_importing_the_package_loads_neither_numpy_nor_sqlalchemy() -> None:
    code = (
        "import mlwright, sys; print(sorted({'numpy', 'sqlalchemy', 'sklearn', 'pyarrow', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
