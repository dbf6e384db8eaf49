"""The wheel holds the package, the example and the licence, and nothing that belongs to the repository only."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*pip, *build], check=True, capture_output=True)
    (wheel,) = folder.glob("mlwright-*.whl")
    assert wheel.stat().st_size < 1_500_000
    return zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize(
    "name",
    [
        "mlwright/__init__.py",
        "mlwright/py.typed",
        "mlwright/ledger/migrations/versions/0001_first.py",
        "mlwright/_examples/flights/__init__.py",
    ],
)
def test_the_wheel_has(name: str, names: list[str]) -> None:
    assert name in names


def test_the_wheel_has_the_licence(names: list[str]) -> None:
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_the_wheel_has_nothing_else(names: list[str]) -> None:
    assert [name for name in names if not name.startswith(("mlwright/", "mlwright-"))] == []
    assert [name for name in names if "__pycache__" in name or "/tests/" in name] == []
