"""MLflow's client with PyTorch, Lightning, Keras and XGBoost, all of them real, against a served project."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlwright.project import Project
from mlwright.registry.versions import get_version

PACKAGES = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


def test_networks_and_boosters_are_autologged_kept_and_loaded(
    script: Callable[..., str], served_project: Project
) -> None:
    root = Path(__file__).parents[2]
    # Behind MLflow's own packages; what is in none of the two comes from the suite's environment.
    behind = [root / ".venv-frameworks" / PACKAGES, root / ".venv" / PACKAGES]
    if not (root / ".venv-frameworks/.locked").exists():
        pytest.skip("no frameworks: make frameworks makes their environment")
    assert script("frameworks", *map(str, behind)).endswith("ok\n")
    # What these files hold may run when they are loaded, and the versions say so.
    assert [get_version(served_project, name).unsafe for name in ("net/1", "k/1")] == [True, True]
