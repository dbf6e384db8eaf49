"""A build of PyTorch that would bring a GPU's packages along is told from one that doesn't."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import cpu_build


def report(*needs: str) -> dict[str, Any]:
    return {"install": [{"metadata": {"name": "torch", "version": "2.13.0", "requires_dist": list(needs)}}]}


@pytest.mark.parametrize(
    ("needs", "found"),
    [
        ((), []),
        (("filelock", "sympy>=1.13.3", 'optree>=0.13; extra == "optree"'), []),
        (("filelock", "nvidia-cublas==13.1"), ["nvidia-cublas==13.1"]),
        (("cuda-toolkit[cublas]==13", "triton==3.7"), ["cuda-toolkit[cublas]==13", "triton==3.7"]),
        (('nvidia-nccl-cu13==2.29; platform_system == "Nowhere"',), []),
    ],
)
def test_what_only_a_gpu_needs_is_found_in_pips_report(needs: tuple[str, ...], found: list[str]) -> None:
    assert cpu_build.for_gpus(report(*needs)) == found


def test_its_exit_code_tells_which_build_it_is(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    for needs, code in ((["filelock"], 0), (["nvidia-cublas"], 1)):
        path.write_text(json.dumps(report(*needs)))
        assert subprocess.run([sys.executable, cpu_build.__file__, path], check=False).returncode == code
