"""A file that is a part of a package is loaded as that part, so its relative imports work."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlwright.pipelines import load_object


def test_a_file_of_a_package_is_imported_by_its_dotted_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "code" / "parcel_of_code" / "inner"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package.parent / "__init__.py").write_text("")
    (package / "values.py").write_text("answer = 42\n")
    (package / "uses.py").write_text("from .values import answer\n")
    monkeypatch.chdir(tmp_path)
    module, found = load_object("code/parcel_of_code/inner/uses.py:answer")
    assert found == 42
    assert module.__name__ == "parcel_of_code.inner.uses"
