"""A server without deployments is ready without having loaded what models need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, urllib.request
from pathlib import Path
from mlwright.project import Project
from mlwright.server.main import background
with Project.open(Path(sys.argv[1])) as project, background(project) as url:
    assert urllib.request.urlopen(url + "/health").read() == b"OK"
    print([name for name in ("numpy", "sqlalchemy.dialects.postgresql", "mlwright.serving.oip") if name in sys.modules])
    assert urllib.request.urlopen(url + "/v2/health/live").status == 200
    print("numpy" in sys.modules)
"""


def test_serving_is_loaded_when_it_is_asked_for(project_folder: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(project_folder)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == ["[]", "True"]
