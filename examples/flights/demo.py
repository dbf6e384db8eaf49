"""The demo: a server of its own, the replay with its progress, the report. Killed anywhere, it goes on from there."""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx2
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from mlwright import Project
from mlwright.api import RemoteClient
from mlwright.core.clock import ReplayClock, parse_time
from mlwright.errors import MlwrightError, ServerUnavailable
from mlwright.ledger import meta

from .data import Columns
from .pipeline import flight_features
from .replay import Arrival, Position, Replay

_MOST_STARTS = 5
_PR_SET_PDEATHSIG = 1


class Plan(NamedTuple):
    """What is replayed.

    Attributes:
        start: Midnight in New York, where the first version is trained.
        end: Where the replay ends.
        arrivals: Bad candidates that somebody brings on the way.
    """

    start: datetime
    end: datetime
    arrivals: list[Arrival]


def _new_york(month: int, day: int) -> datetime:
    # The whole stretch but November and December is daylight saving time; an hour's difference at the end is harmless.
    return datetime(2013, month, day, 4, tzinfo=UTC)


YEAR = Plan(
    start=_new_york(4, 1),
    end=datetime(2014, 1, 2, 5, tzinfo=UTC),
    arrivals=[
        Arrival("shuffled-labels", _new_york(6, 4), {"shuffle_labels": True}),
        Arrival("memorises-flights", _new_york(9, 25), {"memorise_flights": True}),
    ],
)
MONTH = Plan(
    start=_new_york(4, 1),
    end=_new_york(5, 1),
    arrivals=[
        Arrival("shuffled-labels", _new_york(4, 10), {"shuffle_labels": True}),
        Arrival("memorises-flights", _new_york(4, 12), {"memorise_flights": True}),
    ],
)


def run(words: Sequence[str]) -> int:
    """Run the demo and return its exit code."""
    options = _parse(words)
    home = Path(options.home or f".mlwright/{'demo-fast' if options.fast else 'demo'}").resolve()
    plan = MONTH if options.fast else YEAR
    if options.until is not None:
        plan = plan._replace(end=min(plan.end, options.until))
    if options.fresh:
        shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    standing = _clock_of(home)
    if standing is not None and standing >= plan.end:
        console.print("The replay is complete; --fresh begins anew.")
    else:
        _replay(home, plan, console, standing)
    return _report(home, console)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mlwright demo", description=run.__doc__)
    parser.add_argument("--fast", action="store_true", help="replay April only")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier demo did")
    parser.add_argument("--home", help="folder of the demo's ledger and artifacts")
    parser.add_argument("--until", type=parse_time, help="stop the replay at this moment")
    return parser.parse_args(list(words))


def _replay(home: Path, plan: Plan, console: Console, standing: datetime | None) -> None:
    if standing is None:
        console.print("Reading a year of flights, making features, training the first version ...")
    else:
        console.print(f"Going on from {standing:%Y-%m-%d %H:%M} UTC.")
    # The replay needs the features only when the first version is trained: until then both are made side by side.
    with ThreadPoolExecutor(max_workers=1) as pool, _progress(console, plan) as on_step:
        flights = pool.submit(flight_features)
        for start in range(1, _MOST_STARTS + 1):
            try:
                _replay_once(home, plan, flights.result, on_step)
            except (ServerUnavailable, httpx2.TransportError) as error:
                if start == _MOST_STARTS:
                    raise
                console.print(f"The server is gone ({error}); starting it again.")
            else:
                return


def _replay_once(home: Path, plan: Plan, flights: Callable[[], Columns], on_step: _Step) -> None:
    with _server(home, plan.start) as url, RemoteClient(url, actor="user:demo") as client:
        with httpx2.Client(base_url=url, timeout=60.0) as http:
            Replay(client, http, flights, list(plan.arrivals)).run(plan.start, plan.end, on_step)


@contextmanager
def _server(home: Path, start: datetime) -> Iterator[str]:
    """Run `mlwright up` on the demo's own ledger and a free port; give its URL."""
    package = __package__ or "flights"
    root = Path(__file__).parents[package.count(".") + 1]
    command = [sys.executable, "-m", "mlwright", "up", f"{package}.system:system"]
    command += ["--replay-from", start.isoformat(), "--port", "0"]
    environment = {
        **os.environ,
        "MLWRIGHT_HOME": str(home),
        # A killed process loses nothing this way either; only a power cut could take the last moments of the replay.
        "MLWRIGHT_DURABILITY": "normal",
        # Waiting threads of the training sleep instead of spinning: the replay runs beside it.
        "OMP_WAIT_POLICY": "passive",
        "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]),
    }
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - nothing but this thread runs yet
        )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url:
            said = (home / "server.log").read_text(errors="replace").strip().splitlines()[-8:]
            raise MlwrightError("the demo's server did not start.", why="\n".join(said) or None)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Step:
    """Shows each step of the replay: a bar on a terminal, and a line for each thing that the controllers did."""

    def __init__(self, progress: Progress, task: TaskID, plan: Plan, console: Console) -> None:
        self._progress = progress
        self._task = task
        self._plan = plan
        self._console = console

    def __call__(self, position: Position) -> None:
        """Show where the replay stands."""
        done = (position.now - self._plan.start).total_seconds() / 3600
        self._progress.update(
            self._task, completed=done, description=f"{position.now:%Y-%m-%d}", serving=position.serving
        )
        for action in position.actions:
            self._console.print(f"{position.now:%Y-%m-%d %H:%M}  {action}", soft_wrap=True, highlight=False)


@contextmanager
def _progress(console: Console, plan: Plan) -> Iterator[_Step]:
    total = (plan.end - plan.start).total_seconds() / 3600
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("serving {task.fields[serving]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"{plan.start:%Y-%m-%d}", total=total, serving="nothing yet")
        yield _Step(progress, task, plan, console)


def _clock_of(home: Path) -> datetime | None:
    """Return where an earlier replay stands, None when there was none."""
    if not (home / "ledger.db").exists():
        return None
    with Project.open(home=str(home)) as project, project.ledger.read() as connection:
        stored = meta.get(connection, "clock")
    return datetime.fromisoformat(stored) if stored else None


def _report(home: Path, console: Console) -> int:
    from mlwright import reports

    standing = _clock_of(home)
    with Project.open(home=str(home), clock=ReplayClock(standing) if standing else None) as project:
        report = reports.collect(project, "flights", outcome="late", time_zone="America/New_York")
    path = home / "report.html"
    path.write_text(reports.render_html(report), encoding="utf-8")
    reports.render_terminal(report, Console())
    console.print(f"\nThe report with its plots: {path}")
    shown = os.path.relpath(home)
    console.print(f"Look closer: mlwright --home {shown} models, or: mlwright up --home {shown}")
    return 0
