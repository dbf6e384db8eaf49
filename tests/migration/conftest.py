"""What tests of moving share: folders of MLflow's, and imports into the test's project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow_folders import Folder

from mlwright.migration import Asked, Report, import_all, open_source
from mlwright.project import Project


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder mlruns."""
    return Folder(tmp_path / "mlruns")


@pytest.fixture
def bring(project: Project) -> Callable[..., Report]:
    """Imports into the test's project and returns the report."""

    def run(location: object, *, artifacts: object = "", progress: Any = lambda _: None, **asked: Any) -> Report:
        source = open_source(str(location), artifacts=str(artifacts))
        try:
            return import_all(project, source, Asked(**asked), progress=progress)
        finally:
            source.close()

    return run


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Project]:
    """Another project, to be served with MLflow's API."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mlwright.toml").write_text('durability = "normal"\nactor = "user:there"\n')
    with Project.open(tmp_path / "there") as opened:
        yield opened
