"""The OpenAPI document is true: schemathesis (schemathesis.readthedocs.io) sends what it allows and what it forbids.

The server is a real `mlwright up` over a filled project. A short run is part of every `make test`; the long ones, over
both databases, belong to `make test-all`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from filled import ALERT_ID, FAILED_RUN_ID, ROLLOUT_ID, RUN_ID, START, fill, fill_sweep
from mlwright.core.clock import ReplayClock
from mlwright.core.settings import PROJECT_FILE
from mlwright.project import Project

# Read now: before each test the variables of mlwright are forgotten.
PEERS = Path(os.environ.get("MLWRIGHT_PEERS") or Path(__file__).parents[2] / ".venv-peers/bin/python")
SCHEMATHESIS = PEERS.with_name("schemathesis")
#: Names of what the filled project has, so that most requests come further than 404.
KNOWN = {
    "run": [RUN_ID, FAILED_RUN_ID, "01g00000000000000000sweep1"],
    "metric": ["loss", "broken"],
    "model": ["delay"],
    "version": ["1", "2", "latest", "prod"],
    "environment": ["dev", "staging", "prod"],
    "deployment": ["delay"],
    "rollout": [ROLLOUT_ID],
    "alert": [ALERT_ID],
    "monitor": ["loss"],
    "webhook": ["ci"],
    "system": ["flights"],
}
#: Operations whose input has rules that JSON Schema can't say: a request that fits the schema may still get 400.
RULES_BEYOND_SCHEMA = {
    "runs.search": "the grammar of expressions, and cursors",
    "experiments.search": "the grammar of expressions, and cursors",
    "models.search": "the grammar of expressions, and cursors",
    "versions.search": "the grammar of expressions, and cursors",
    "runs.amend": "which characters can be printed",
    "experiments.new": "which characters can be printed",
    "experiments.set": "which characters can be printed",
    "models.declare": "the declarations of gates",
    "approvals.refuse": "a comment or a reason",
    "webhooks.new": "which addresses can be delivered to",
    "webhooks.change": "which addresses can be delivered to",
    "journals.append": "a journal's own frames",
    "blobs.put": "bytes that have the digest",
}


@pytest.fixture(params=["sqlite"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a filled project is served by a process of its own, which must log no fault."""
    lines = ['durability = "normal"']
    if request.param == "postgresql":
        lines.append(f'ledger = "{request.getfixturevalue("postgres_url")}"')
    (tmp_path / PROJECT_FILE).write_text("\n".join(lines))
    with Project.open(tmp_path, clock=ReplayClock(START)) as project:
        fill(project)
        fill_sweep(project)
    log = tmp_path / "server.log"
    with running(tmp_path, log) as url:
        yield url
    assert "Traceback" not in log.read_text()


@contextmanager
def running(folder: Path, log: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "mlwright", "up", "--port", "0"]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=errors) as server,
    ):
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            # Before its stdout is closed: what it still says would fail.
            server.communicate(timeout=120)


def settings_file(folder: Path) -> Path:
    """Write what schemathesis can't know: names that exist, and where 400 is right for what the schema allows."""
    lines = ["[dictionaries]", *(f"{name} = {{ values = {values} }}" for name, values in KNOWN.items())]
    lines += ["[parameters]", *(f'"path.{name}" = {{ dictionary = "{name}", probability = 0.6 }}' for name in KNOWN)]
    lines += ["[[operations]]", f"include-operation-id = {list(RULES_BEYOND_SCHEMA)}"]
    lines.append('checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409"]')
    path = folder / "schemathesis.toml"
    path.write_text("\n".join(lines))
    return path


def fuzz(url: str, folder: Path, *options: str) -> str:
    """Run schemathesis with all its checks; return its last lines, or fail with what it found."""
    if not SCHEMATHESIS.exists():
        pytest.skip("no schemathesis: make peers installs it (or set MLWRIGHT_PEERS)")
    command = [SCHEMATHESIS, "--config-file", settings_file(folder), "run", f"{url}/api/v1/openapi.json", *options]
    common = ["--generation-database", "none", "--continue-on-failure", "--no-color", "--request-timeout", "60"]
    done = subprocess.run([*command, *common], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-20_000:]}\n{done.stderr[-2000:]}"
    cases = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert cases is not None, done.stdout[-2000:]
    print(f"schemathesis: {cases.group()}")
    return cases.group(1)


def test_the_api_does_what_its_openapi_document_says(served: str, tmp_path: Path) -> None:
    few = ["--phases", "coverage", "--max-examples", "1", "--seed", "1"]
    assert int(fuzz(served, tmp_path, *few)) > 1000


@pytest.mark.soak
@pytest.mark.parametrize("served", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_the_api_does_what_its_openapi_document_says_over_thousands_of_requests(served: str, tmp_path: Path) -> None:
    assert int(fuzz(served, tmp_path, "--max-examples", "60", "--no-shrink")) > 5000
