"""The Python environment as far as it can change a result: the interpreter and the installed packages."""

from __future__ import annotations

import os
import platform
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

_DISTRIBUTION = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)\.(dist|egg)-info")
_REQUIRES = re.compile(r"Requires-Dist: *(?P<name>[A-Za-z0-9._-]+)(?P<rest>.*)")
#: Import names that differ from the name of their distribution, for the most used ones; others are searched for.
_KNOWN = {
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "PIL": "pillow",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
}


def describe_environment() -> dict[str, Any]:
    """Return interpreter, platform and every installed package with its version."""
    return {
        "python": python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "packages": {name: version for name, (version, _) in sorted(_installed().items())},
    }


def python_version() -> str:
    """Return the interpreter's name and version."""
    return f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}"


@cache
def versions_of(packages: frozenset[str]) -> dict[str, str]:
    """Return the versions of the distributions that some imports come from, and of all that those require.

    Args:
        packages: Top-level import names; one that no distribution has is listed with an empty version.
    """
    installed = _installed()
    pending = [_distribution_of(package) for package in packages]
    found: dict[str, str] = {}
    while pending:
        name = pending.pop()
        if name in found:
            continue
        version, folder = installed.get(name, ("", None))
        found[name] = version
        if folder is not None:
            pending += [required for required in _requires(folder) if required in installed]
    return dict(sorted(found.items()))


@cache
def _installed() -> dict[str, tuple[str, Path]]:
    """Return version and metadata folder of each distribution, from the names of the folders alone."""
    found: dict[str, tuple[str, Path]] = {}
    for place in sys.path:
        try:
            entries = os.listdir(place or ".")
        except OSError:
            continue
        for entry in entries:
            match = _DISTRIBUTION.fullmatch(entry)
            if match:
                found.setdefault(_normal(match["name"]), (match["version"], Path(place) / entry))
    return found


def _distribution_of(package: str) -> str:
    name = _normal(_KNOWN.get(package, package))
    return name if name in _installed() else _providers().get(package, name)


@cache
def _providers() -> dict[str, str]:
    """Return for each import name the distribution that provides it, from the lists of installed files."""
    found: dict[str, str] = {}
    for name, (_, folder) in _installed().items():
        try:
            lines = (folder / "RECORD").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            top = line.split(",", 1)[0].split("/", 1)[0]
            if not top.endswith((".dist-info", ".pth")) and top != "..":
                found.setdefault(top.split(".", 1)[0], name)
    return found


@cache
def _requires(folder: Path) -> list[str]:
    found = []
    try:
        with (folder / "METADATA").open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if not line.strip():
                    break
                match = _REQUIRES.match(line)
                if match and "extra" not in match["rest"].partition(";")[2]:
                    found.append(_normal(match["name"]))
    except OSError:
        return []
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
