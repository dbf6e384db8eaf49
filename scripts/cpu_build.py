"""Tells by pip's report whether the build that it would install is for CPUs: one for GPUs needs NVIDIA's packages.

Exits with 0 when it is; is given the path of what `pip install --dry-run --report` wrote.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

#: What the names of packages begin with that only a GPU needs.
_FOR_GPUS = ("nvidia", "cuda", "triton", "pytorch-triton")


def for_gpus(report: dict[str, Any]) -> list[str]:
    """Return the requirements of the builds in a report that this machine's pip would follow and only a GPU needs."""
    texts = [text for build in report["install"] for text in build["metadata"].get("requires_dist", [])]
    found = [Requirement(text) for text in texts]
    here = [one for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]
    return [str(one) for one in here if one.name.lower().startswith(_FOR_GPUS)]


if __name__ == "__main__":
    sys.exit(1 if for_gpus(json.loads(Path(sys.argv[1]).read_text())) else 0)
