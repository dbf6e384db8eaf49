"""The tests of tests/frameworks, which need PyTorch, Lightning, Keras, pandas and the like, pass on these.

They run in a process of the environment that `make frameworks` makes. Nothing else of the suite sees these libraries,
so all of it proves that mlwright needs none of them.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Read now: before each test the variables of mlwright are forgotten.
FRAMEWORKS = Path(os.environ.get("MLWRIGHT_FRAMEWORKS_PYTHON") or ROOT / ".venv-frameworks/bin/python")


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="they are a part of this run already")
def test_what_is_tested_on_real_frameworks_passes(tmp_path: Path) -> None:
    if not FRAMEWORKS.exists():
        pytest.skip("no frameworks: make frameworks makes their environment")
    options = ["--color=no", "--show-capture=no", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'there'}"]
    command = [FRAMEWORKS, "-m", "pytest", "tests/frameworks", *options]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]
    # What could be installed must not be skipped.
    assert "SKIPPED" not in found.stdout, found.stdout[-8000:]
