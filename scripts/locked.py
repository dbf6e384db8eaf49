"""The lock gate: requirements.lock pins, with hashes, all that pyproject.toml asks for. Needs no network.

requirements-frameworks.lock is laid over it, so what both pin has to be of one version.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def pins(lock: str) -> dict[str, list[str]]:
    """Return the versions that a lock file pins; one package may have several, for different Pythons."""
    found: dict[str, list[str]] = {}
    for name, version in _PIN.findall(lock):
        found.setdefault(canonicalize_name(name), []).append(version)
    return found


def requirements(pyproject: dict[str, Any], extra: str) -> list[Requirement]:
    """Return what an extra installs directly: the core's requirements, its own and those of the extras it names."""
    project = pyproject["project"]
    found = [Requirement(text) for text in project["dependencies"]]
    for text in project["optional-dependencies"][extra]:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) != project["name"]:
            found.append(requirement)
        for named in requirement.extras if requirement.name == project["name"] else ():
            found += requirements(pyproject, named)
    return found


def problems(pyproject: dict[str, Any], lock: str) -> list[str]:
    """Return one sentence for each requirement that the lock doesn't satisfy and each pin without a hash."""
    pinned = pins(lock)
    found = []
    for requirement in requirements(pyproject, "dev"):
        versions = pinned.get(canonicalize_name(requirement.name), [])
        if not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
            found.append(f"{requirement} is not pinned (pinned: {', '.join(versions) or 'nothing'})")
    return sorted({*found, *_without_hash(lock)})


def disagreements(over: str, lock: str) -> list[str]:
    """Return one sentence for each package that a lock laid over another one pins differently, or without a hash."""
    below = pins(lock)
    found = [
        f"{name} is pinned to {', '.join(versions)} for frameworks, and to {', '.join(below[name])} below them"
        for name, versions in pins(over).items()
        if set(versions) != set(below.get(name, versions))
    ]
    return sorted({*found, *_without_hash(over)})


def _without_hash(lock: str) -> list[str]:
    entries = re.split(r"\n(?=\S)", lock)
    return [f"{entry.split()[0]} has no hash" for entry in entries if "==" in entry and "--hash=" not in entry]


def main() -> int:
    """Compare the repository's own files; return 1 when the lock is out of date."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lock = (ROOT / "requirements.lock").read_text()
    found = problems(pyproject, lock) + disagreements((ROOT / "requirements-frameworks.lock").read_text(), lock)
    for sentence in found:
        print(f"  {sentence}")
    if found:
        print("  fix: make lock")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
