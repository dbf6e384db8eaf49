"""The weight gate: what `import mlwright`, `mlwright --help` and a core install cost.

Measured with the interpreter that runs this file, in fresh processes with byte code written, as a user has it.
"""

from __future__ import annotations

import importlib.metadata
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

MODULES = 150
HELP_CPU_MS = 150
DIRECT_DEPENDENCIES = 12
INSTALLED_MIB = 80
_RUNS = 5


class Weight(NamedTuple):
    """One measured thing and how much of it is allowed."""

    what: str
    value: float
    limit: float
    unit: str

    @property
    def is_too_heavy(self) -> bool:
        """True when the limit is passed."""
        return self.value > self.limit


def loaded_modules(statement: str) -> int:
    """Return how many modules a fresh interpreter has loaded after a statement, its own start included."""
    code = f"{statement}\nimport sys\nprint(len(sys.modules))"
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=_environment()).stdout)


def cpu_ms(command: list[str]) -> float:
    """Return the median CPU time of a command in milliseconds, user and system, after one run that isn't counted."""
    return statistics.median([_cpu_once(command) for _ in range(_RUNS + 1)][1:])


def _cpu_once(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=_environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def _environment() -> dict[str, str]:
    unwanted = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "COVERAGE_BEGIN"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def direct_requirements(distribution: str) -> list[Requirement]:
    """Return what a distribution requires here when no extra is asked for."""
    found = [Requirement(text) for text in importlib.metadata.requires(distribution) or []]
    return [requirement for requirement in found if _applies(requirement, frozenset())]


def closure(distribution: str) -> set[str]:
    """Return the names of all distributions that an install without extras brings, itself left out."""
    reached: dict[str, frozenset[str]] = {}
    waiting = [(requirement.name, frozenset(requirement.extras)) for requirement in direct_requirements(distribution)]
    while waiting:
        raw_name, extras = waiting.pop()
        name = canonicalize_name(raw_name)
        if name in reached and extras <= reached[name]:
            continue
        reached[name] = reached.get(name, frozenset()) | extras
        for text in importlib.metadata.requires(name) or []:
            requirement = Requirement(text)
            if _applies(requirement, reached[name]):
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return set(reached)


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})


def installed_mib(distributions: set[str]) -> float:
    """Return the size on disk of distributions' files, byte code left out."""
    total = 0
    for name in distributions:
        for file in importlib.metadata.files(name) or []:
            path = Path(str(file.locate()))
            if file.suffix != ".pyc" and path.is_file():
                total += path.stat().st_size
    return total / 2**20


def measure() -> list[Weight]:
    """Measure everything that has a limit."""
    script = Path(sys.executable).with_name("mlwright")
    return [
        Weight("import mlwright", loaded_modules("import mlwright"), MODULES, "modules"),
        Weight("mlwright --help", cpu_ms([str(script), "--help"]), HELP_CPU_MS, "ms of CPU"),
        Weight("direct dependencies", len(direct_requirements("mlwright")), DIRECT_DEPENDENCIES, ""),
        Weight("core install", installed_mib(closure("mlwright")), INSTALLED_MIB, "MiB"),
    ]


def main() -> int:
    """Print what was measured; return 1 when something is too heavy."""
    weights = measure()
    for weight in weights:
        mark = "  TOO HEAVY" if weight.is_too_heavy else ""
        print(f"  {weight.what:<36}{weight.value:>8.0f} of at most {weight.limit:.0f} {weight.unit}{mark}")
    return 1 if any(weight.is_too_heavy for weight in weights) else 0


if __name__ == "__main__":
    sys.exit(main())
