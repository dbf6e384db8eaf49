"""The MLflow-compatible API, spoken to in process and by MLflow's own client."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow_api import Speaker

from mlwright.project import Project
from mlwright.server.main import background
from mlwright.server.mlflow.app import MlflowApp

# Read now: before each test the variables of mlwright are forgotten.
PEERS = Path(os.environ.get("MLWRIGHT_PEERS") or Path(__file__).parents[2] / ".venv-peers/bin/python")
SCRIPT_S = 800


@pytest.fixture
def served_project(request: pytest.FixtureRequest, project_folder: Path) -> Iterator[Project]:
    """An open project on SQLite; on PostgreSQL for tests that are marked with `ON_BOTH`."""
    settings = {}
    if getattr(request, "param", "sqlite") == "postgresql":
        settings["ledger"] = str(request.getfixturevalue("postgres_url"))
    with Project.open(project_folder, **settings) as opened:
        yield opened


@pytest.fixture
def api(served_project: Project) -> Iterator[Speaker]:
    """The API of a fresh project."""
    app = MlflowApp(served_project)
    yield Speaker(app)
    app.close()


@pytest.fixture(scope="session")
def peer() -> Path:
    """The interpreter that has MLflow; without one the tests are skipped, with the reason."""
    if not PEERS.exists():
        pytest.skip(f"no MLflow: there is no {PEERS.name} of the peers (set MLWRIGHT_PEERS to it)")
    # Importing it would take seconds.
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('mlflow') is None)"
    if subprocess.run([PEERS, "-c", code], check=False).returncode:
        pytest.skip("no MLflow: the peers' environment doesn't hold it")
    return PEERS


@pytest.fixture
def script(peer: Path, served_project: Project, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Runs a script of this folder with MLflow's unmodified client against a served project; returns what it prints."""
    with background(served_project) as url:

        def run(name: str, *arguments: str) -> str:
            environment = {
                **{key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PYTHON", "COV"))},
                "MLFLOW_TRACKING_URI": url,
                # What the client unpacks is left there.
                "TMPDIR": str(tmp_path),
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "GIT_PYTHON_REFRESH": "quiet",
            }
            path = Path(__file__).parent / "scripts" / f"{name}.py"
            found = subprocess.run(
                [peer, path, *arguments],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=SCRIPT_S,
                check=False,
            )
            if found.returncode:
                sys.stderr.write(found.stderr)
            assert found.returncode == 0, found.stderr[-4000:]
            return found.stdout

        yield run
