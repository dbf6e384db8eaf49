"""What is captured with a run without being asked for: where the code is from, the Python environment, prints, load.

All of it is found out once, quickly, and never at the training's expense: what fails is left out.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlwright.core.digest import canonical_json
from mlwright.core.environment import describe_environment
from mlwright.core.masking import mask, mask_arguments
from mlwright.core.settings import CAPTURED, Settings
from mlwright.errors import MlwrightError
from mlwright.tracking import output
from mlwright.tracking.records import Captured

if TYPE_CHECKING:
    from mlwright.tracking.scripts import ScriptRun

DIFF = "source/diff.patch"
MOST_DIFF_BYTES = 2 * 1024 * 1024
_GIT_S = 5.0
_log = logging.getLogger("mlwright.tracking")
_lock = threading.Lock()


def begin(run: ScriptRun, settings: Settings, journal: Path) -> list[Callable[[], None]]:
    """Begin what the setting `capture` asks for; return what ends it, in the order in which it began."""
    wanted = CAPTURED if settings.capture == "all" else tuple(settings.capture.split(","))
    stops: list[Callable[[], None]] = []
    if "code" in wanted or "environment" in wanted:
        finding = threading.Thread(target=_describe, args=(run, wanted), name="mlwright-capture", daemon=True)
        finding.start()
        stops.append(finding.join)
    if "output" in wanted and not _in_notebook():
        stops.append(_keeping_output(run, journal))
    if "system" in wanted and run.outer is None:
        from mlwright.tracking.machine import Meter

        stops.append(Meter(run).stop)
    return stops


def _keeping_output(run: ScriptRun, journal: Path) -> Callable[[], None]:
    kept = run.output = output.begin(output.file_beside(journal))

    def stop() -> None:
        run.output = None
        output.end(kept)
        try:
            if kept.path.exists():
                run.keep_file(output.name_of(run.opened), kept.path)
        except MlwrightError as error:
            _log.warning("what was printed is not kept: %s", error)

    return stop


def _describe(run: ScriptRun, wanted: tuple[str, ...]) -> None:
    try:
        with _lock:
            source = dict(source_of(Path.cwd())) if "code" in wanted else {}
            diff = _diff_of(Path.cwd()) if source.get("dirty") else b""
            environment = _environment() if "environment" in wanted else b""
        store = run.destination.store()
        if diff:
            source["diff_digest"] = run.log_artifact(DIFF, diff, codec="bytes")
        digest = store.put(environment).digest if environment else None
        run.keep(Captured(source=source, environment_digest=digest))
    except Exception as error:  # noqa: BLE001  # boundary: what is captured never stops a training
        _log.warning("code and environment of the run are not captured: %s", error)


@cache
def source_of(folder: Path) -> dict[str, Any]:
    """Return entry point, arguments and git commit of the running program; secret-looking arguments are masked.

    Args:
        folder: Where the program works.
    """
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    arguments = [_text(argument) for argument in sys.argv[1:]]
    source: dict[str, Any] = {"entry": _text(Path(main).name) if main else "", "argv": mask_arguments(arguments)}
    if main:
        source["folder"] = _text(str(Path(main).resolve().parent))
    commit = _git(folder, "rev-parse", "HEAD")
    if commit:
        source["commit"] = commit.decode().strip()
        source["branch"] = _git(folder, "rev-parse", "--abbrev-ref", "HEAD").decode("utf-8", "replace").strip()
        source["dirty"] = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    return source


def _text(given: str) -> str:
    """Return an argument or a path, which need not be text, as text."""
    return given.encode("utf-8", "replace").decode()


@cache
def _diff_of(folder: Path) -> bytes:
    """Return what differs from the commit, without what looks like a secret, cut to the size that is kept."""
    diff = _git(folder, "diff", "HEAD", "--no-color", "--no-ext-diff")
    if len(diff) > MOST_DIFF_BYTES:
        diff = diff[:MOST_DIFF_BYTES] + b"\n... the diff is longer than is kept\n"
    return mask(diff.decode("utf-8", "replace")).encode()


@cache
def _environment() -> bytes:
    return canonical_json(describe_environment())


def _git(folder: Path, *arguments: str) -> bytes:
    """Return what git prints; nothing when there is no git or no repository."""
    variables = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=variables, capture_output=True, timeout=_GIT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return b""
    return done.stdout if done.returncode == 0 else b""


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
