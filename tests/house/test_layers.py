"""The import contracts, run on copies of the package with one wrong import each: each must be able to break."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Contract -> the file that gets a wrong line, and the line.
WRONG = {
    "layers": ("core/clock.py", "from mlwright.registry import get_version"),
    "adapters-unseen": ("artifacts/store.py", "from mlwright.adapters.store.local import LocalStore"),
    "adapters-see-ports": ("adapters/store/local.py", "import mlwright.system"),
    "adapters-apart": ("adapters/store/local.py", "import mlwright.adapters.executor.inline"),
    "testing": ("registry/__init__.py", "import mlwright.testing"),
    "sql": ("registry/__init__.py", "import sqlalchemy"),
    "vendors": ("registry/__init__.py", "def f():\n    import boto3"),
}


def lint(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--contract", contract]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder), "COLUMNS": "200"}
    )


def test_every_contract_has_a_wrong_import_here() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    contracts = {section.rpartition(":")[2] for section in config.sections() if "contract" in section}
    assert contracts == set(WRONG)


@pytest.mark.parametrize("contract", WRONG)
def test_a_wrong_import_breaks_its_contract(contract: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / ".importlinter", tmp_path)
    shutil.copytree(ROOT / "src/mlwright", tmp_path / "mlwright", ignore=shutil.ignore_patterns("__pycache__"))
    file, line = WRONG[contract]
    with (tmp_path / "mlwright" / file).open("a") as module:
        module.write(f"\n{line}\n")
    result = lint(tmp_path, contract)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "BROKEN" in result.stdout
