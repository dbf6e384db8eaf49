"""Models, registry and artifacts with MLflow's unmodified client."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlwright.project import Project

Script = Callable[..., str]
_SERVE = """
import sys
from pathlib import Path
from mlwright.project import Project
from mlwright.server.main import Options, serve

with Project.open(Path(sys.argv[1])) as project:
    serve(project, options=Options(port=0, on_ready=lambda url: print(url, flush=True)))
"""


@pytest.mark.slow
def test_models_of_several_libraries_are_logged_registered_and_loaded_by_every_uri(script: Script) -> None:
    assert script("models").splitlines()[-1] == "done"


def test_registered_models_are_led_through_their_whole_life(script: Script) -> None:
    assert script("registry").splitlines()[-1] == "done"


@pytest.mark.slow
def test_files_folders_texts_figures_and_tables_come_back(script: Script) -> None:
    assert script("artifacts").splitlines()[-1] == "done"


@pytest.mark.soak
def test_several_clients_log_and_load_models_at_once(script: Script, project: Project) -> None:
    with ThreadPoolExecutor(3) as pool:
        outputs = list(pool.map(lambda number: script("together", str(number)), range(3)))
    assert [output.splitlines()[-1] for output in outputs] == ["done"] * 3
    with project.ledger.read() as connection:
        from mlwright.ledger.registry import list_versions

        numbers = sorted(row.version for row in list_versions(connection, "shared"))
    assert numbers == list(range(1, 10))


@pytest.fixture
def server(project_folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(project_folder)], stdout=subprocess.PIPE, text=True, cwd=project_folder
    )
    assert process.stdout is not None
    yield process, process.stdout.readline().strip()
    process.terminate()
    process.wait(120)
    process.stdout.close()


def _peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the system does not tell the peak")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell a process's peak memory")
def test_a_gigabyte_passes_through_flat_memory(
    peer: Path, server: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, url = server
    # What is imported by the first upload is no part of what a large one takes.
    address = f"{url}/api/2.0/mlflow-artifacts/artifacts/small"
    urllib.request.urlopen(urllib.request.Request(address, b"x", method="PUT"), timeout=120).close()
    before = _peak_mib(process.pid)
    environment = {
        "PATH": os.environ["PATH"],
        "MLFLOW_TRACKING_URI": url,
        "TMPDIR": str(tmp_path),
        "GIT_PYTHON_REFRESH": "quiet",
    }
    script = Path(__file__).parent / "scripts/gigabyte.py"
    found = subprocess.run(
        [peer, script, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=800, check=False
    )
    assert found.returncode == 0, found.stderr[-4000:]
    grown = _peak_mib(process.pid) - before
    print(found.stdout, f"server: {before:.0f} MiB before, {grown:.0f} MiB more at its peak")
    assert grown < 64


@pytest.mark.slow
def test_a_model_that_the_client_registered_answers_natively(script: Script, project: Project) -> None:
    from mlwright.errors import Unsupported
    from mlwright.registry import load_model

    wanted = [float(line) for line in script("native").splitlines()[:-1]]
    rows = {"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]}
    for ref in ("line@best", "trees/1"):
        found = load_model(ref, project=project).predict(rows)["value"]
        assert [float(value) for value in found] == pytest.approx(wanted[:4] if ref == "line@best" else wanted[4:])
    with pytest.raises(Unsupported, match="without MLflow"):
        load_model("unnamed/1", project=project, allow_pickle=True)
