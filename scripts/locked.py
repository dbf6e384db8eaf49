"""The lock gate: requirements.lock pins, with hashes, all that pyproject.toml asks for. Needs no network."""

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
    entries = re.split(r"\n(?=\S)", lock)
    found += [f"{entry.split()[0]} has no hash" for entry in entries if "==" in entry and "--hash=" not in entry]
    return sorted(set(found))


def main() -> int:
    """Compare the repository's own files; return 1 when the lock is out of date."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = problems(pyproject, (ROOT / "requirements.lock").read_text())
    for sentence in found:
        print(f"  {sentence}")
    if found:
        print("  fix: make lock")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
