"""What is captured with a run without being asked for: where the code is from, the Python environment, prints, load.

All of it is found out once in a process, and never at the training's expense: what fails is left out.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from mlwright.core.digest import canonical_json
from mlwright.core.environment import describe_environment
from mlwright.core.masking import mask, mask_arguments
from mlwright.core.settings import CAPTURED, Settings
from mlwright.errors import MlwrightError
from mlwright.tracking import output
from mlwright.tracking.records import Artifact, Captured

if TYPE_CHECKING:
    from mlwright.tracking.scripts import ScriptRun

DIFF = "source/diff.patch"
MOST_DIFF_BYTES = 2 * 1024 * 1024
_GIT_S = 5.0
#: For so long what was stored is taken to be there still: collecting spares what is younger by far.
_STORED_S = 60.0
_known: dict[tuple[str, ...], Known] = {}
_log = logging.getLogger("mlwright.tracking")
_lock = threading.Lock()


class Known(NamedTuple):
    """What was found out about the code and the environment.

    Attributes:
        at_s: When it was stored, by the machine's clock.
        diff: What differs from the commit.
        captured: All else.
    """

    at_s: float
    diff: Artifact | None
    captured: Captured


def begin(run: ScriptRun, settings: Settings, journal: Path) -> list[Callable[[], None]]:
    """Begin what the setting `capture` asks for; return what ends it, in the order in which it began."""
    wanted = _wanted(settings)
    stops: list[Callable[[], None]] = []
    if ("code" in wanted or "environment" in wanted) and not _repeat(run, wanted):
        finding = threading.Thread(target=_describe, args=(run, wanted), name="mlwright-capture", daemon=True)
        finding.start()
        stops.append(finding.join)
    if "output" in wanted and not _in_notebook():
        stops.append(_keeping_output(run, journal))
    return stops


def begin_later(run: ScriptRun, settings: Settings) -> list[Callable[[], None]]:
    """Begin what is of no use to a run that ends at once; return what ends it."""
    if run.outer is not None or "system" not in _wanted(settings):
        return []
    from mlwright.tracking.machine import Meter

    return [Meter(run).stop]


def _wanted(settings: Settings) -> tuple[str, ...]:
    return CAPTURED if settings.capture == "all" else tuple(settings.capture.split(","))


def _keeping_output(run: ScriptRun, journal: Path) -> Callable[[], None]:
    kept = run.output = output.begin(output.file_beside(journal))

    def stop() -> None:
        run.output = None
        output.end(kept)
        try:
            run.has_printed = kept.path.exists()
            if run.has_printed:
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
        kept = None
        if diff:
            blob = store.put(diff)
            source["diff_digest"] = blob.digest
            kept = Artifact(
                name=DIFF,
                digest=blob.digest,
                codec="bytes",
                type="bytes",
                size_bytes=blob.size_bytes,
                at=run.clock.now(),
            )
        digest = store.put(environment).digest if environment else None
        known = Known(time.monotonic(), kept, Captured(source=source, environment_digest=digest))
        _known[_key(run, wanted)] = known
        _keep(run, known)
    except Exception as error:  # noqa: BLE001  # boundary: what is captured never stops a training
        _log.warning("code and environment of the run are not captured: %s", error)


def _repeat(run: ScriptRun, wanted: tuple[str, ...]) -> bool:
    """Note what was found out for a run just before; False when that has to be stored again, or for the first time."""
    try:
        known = _known.get(_key(run, wanted))
    except OSError:
        # The working directory was removed.
        return False
    if known is None or time.monotonic() - known.at_s > _STORED_S:
        return False
    _keep(run, known)
    return True


def _key(run: ScriptRun, wanted: tuple[str, ...]) -> tuple[str, ...]:
    return (run.destination.store().describe(), os.getcwd(), *wanted)


def _keep(run: ScriptRun, known: Known) -> None:
    if known.diff is not None:
        run.keep(msgspec.structs.replace(known.diff, at=run.clock.now()))
    run.keep(known.captured)


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
