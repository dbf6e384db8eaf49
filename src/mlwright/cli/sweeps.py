"""`mlwright sweeps`: look for good parameters, and see what was found."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Self

from cyclopts import App, Parameter

from mlwright.cli.context import NONE, Options, connected, local_only, open_project
from mlwright.cli.output import (
    Column,
    facts,
    moment,
    number,
    print_fields,
    print_heading,
    print_items,
    print_json,
    print_table,
    say,
    span,
)
from mlwright.core.ids import short
from mlwright.errors import InvalidDefinition

if TYPE_CHECKING:
    from mlwright.api.sweeps import SweepDetail
    from mlwright.ledger.sweeps import TrialRow
    from mlwright.sweeps import Sweep

app = App(name="sweeps", help="Sweeps: look for good parameters, and see what was found. Alone: `sweeps ls`.")

_COLUMNS: list[Column] = [
    ("RUN", lambda sweep: short(sweep.run_id)),
    ("NAME", lambda sweep: sweep.name),
    ("STATUS", lambda sweep: sweep.status),
    ("TRIALS", lambda sweep: f"{sweep.finished + sweep.pruned + sweep.failed}/{sweep.trials}"),
    ("BEST", lambda sweep: ", ".join(map(number, sweep.best)) or "-"),
    ("STARTED", lambda sweep: moment(sweep.created_at)),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What wins over what a sweep declares.

    Attributes:
        name: What to call the sweep; needed when the target is an objective of another name.
        trials: How many trials there are to be in all.
        parallel: How many trials run at once, each in a process.
        timeout_s: Begin no trial after so many seconds.
        seed: What chance starts from.
        experiment: What to file the sweep under.
        anew: Begin another sweep instead of going on with the one of this name.
    """

    name: str | None = None
    trials: int | None = None
    parallel: int | None = None
    timeout_s: float | None = None
    seed: int | None = None
    experiment: str | None = None
    anew: Annotated[bool, Parameter(negative=())] = False


AS_DECLARED = Chosen()


@app.default
@app.command
def ls(*, experiment: str | None = None, limit: int = 20, options: Options = NONE) -> None:
    """List sweeps, newest first.

    Args:
        experiment: Only of this experiment.
        limit: How many at most.
    """
    with connected(options) as client:
        page = client.call("sweeps.list", experiment=experiment, limit=limit)
    print_items(page.items, _COLUMNS, as_json=options.json, next_page=page.next)
    if not page.items and not options.json:
        say("no sweeps yet; start one with: mlwright sweep run FILE.py:SWEEP")


@app.command
def show(sweep: str, /, *, experiment: str | None = None, best: int = 10, options: Options = NONE) -> None:
    """Show a sweep: its best trials, and how much each parameter matters.

    Args:
        sweep: Its name, of which the newest is meant, or the id of its run.
        experiment: Only of this experiment.
        best: How many of the best trials to show.
    """
    with connected(options) as client:
        detail = client.call("sweeps.show", sweep=sweep, experiment=experiment)
    if options.json:
        print_json(item=detail)
    else:
        _print_detail(detail, best)


@app.command
def run(target: str, /, *, chosen: Chosen = AS_DECLARED, options: Options = NONE) -> None:
    """Run the trials of a sweep that are missing.

    Args:
        target: A sweep, or an objective whose annotations declare its space, as FILE.py:NAME or package.module:NAME.
    """
    local_only(options, "sweep run")
    declared = _load(target, chosen.name)
    given = {name: getattr(chosen, name) for name in ("trials", "parallel", "timeout_s", "seed", "experiment")}
    given |= {"resume": False if chosen.anew else None}
    with open_project(options, create=True) as project, TrialProgress(declared.name, target) as progress:
        wanted: Any = {key: value for key, value in given.items() if value is not None}
        result = declared.run(on_trial=progress, project=project, **wanted)
        progress.stop()
        if options.json:
            print_json(item={"run_id": result.run_id, "best": result.front[:1], "importances": result.importances})
            return
        fields: list[tuple[str, Any]] = [("sweep", repr(result)), ("stopped", result.stopped)]
        if result.front:
            values = ", ".join(map(number, result.best.values))
            fields += [("best", values), ("with", facts(result.best.params)), ("run", short(result.best.run_id))]
        print_fields(fields)
        say(f"see mlwright sweeps show {declared.name}")


#: What people type who run one: `mlwright sweep run`.
one = App(name="sweep", help="The same as `sweeps`.")
for _command in (run, show, ls):
    one.command(_command)


class TrialProgress:
    """Shows on stderr how far a sweep is: a bar on a terminal, a line for each trial elsewhere.

    Args:
        name: What people call the sweep.
        target: How to start it again.
    """

    def __init__(self, name: str, target: str) -> None:
        self._name = name
        self._target = target
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, trial: TrialRow, done: int, total: int) -> None:
        """Show that a trial has ended."""
        values = ", ".join(map(number, trial.values)) or trial.outcome
        if self._bar is not None:
            self._bar.update(self._task, total=total, completed=done, description=f"{self._name}: {values}")
        else:
            say(f"[{done}/{total}] trial {trial.number}: {values}")

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if kind is KeyboardInterrupt:
            say(f"interrupted; go on with: mlwright sweep run {self._target}")

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _load(target: str, name: str | None) -> Sweep:
    from mlwright.pipelines import load_object
    from mlwright.sweeps import Sweep

    module, found = load_object(target)
    if found is None:
        known = [value for value in vars(module).values() if isinstance(value, Sweep)]
        if len(known) != 1:
            raise InvalidDefinition(
                f"{target} has {'no sweep' if not known else 'several sweeps'}.",
                fix=f"name one: {target}:NAME",
            )
        found = known[0]
    if isinstance(found, Sweep):
        return found if name is None else Sweep(found.objective, found.space, name=name, **found.options)
    if not callable(found):
        raise InvalidDefinition(f"{target} is a {type(found).__name__}, no sweep and no objective.")
    return Sweep(found, name=name or str(getattr(found, "__name__", "sweep")))


def _print_detail(detail: SweepDetail, best: int) -> None:
    sweep, plan = detail.sweep, detail.plan
    counts = {"finished": sweep.finished, "pruned": sweep.pruned, "failed": sweep.failed}
    print_fields(
        [
            ("sweep", sweep.name),
            ("run", sweep.run_id),
            ("experiment", sweep.experiment),
            ("status", sweep.status),
            ("trials", f"{sum(counts.values())}/{sweep.trials}, {facts(counts)}"),
            ("looks for", ", ".join(plan["directions"])),
            ("chosen by", plan["sampler"]),
            ("stopped by", plan["pruner"]),
            ("seed", plan["seed"]),
        ]
    )
    if detail.importances:
        print_heading("What matters")
        print_fields((name, f"{share:.0%}") for name, share in detail.importances.items())
    counted = [trial for trial in detail.trials if trial.outcome != "lost"]
    finished = [trial for trial in counted if trial.outcome == "finished"]
    sign = -1 if plan["directions"][0] == "maximize" else 1
    finished.sort(key=lambda trial: (trial.number not in detail.best, sign * trial.values[0]))
    if finished:
        print_heading("Best trials")
        names = list(plan["space"])
        rows = [
            [
                str(trial.number),
                ", ".join(map(number, trial.values)),
                *(_text(trial.params[name]) for name in names),
                span(trial.duration_s),
                short(trial.run_id),
            ]
            for trial in finished[:best]
        ]
        print_table(rows, ["TRIAL", "VALUE", *(name.upper() for name in names), "TOOK", "RUN"])
    _print_failed([trial for trial in counted if trial.outcome == "failed"])


def _print_failed(failed: list[Any]) -> None:
    if failed:
        print_heading("Failed trials")
        rows = [[str(trial.number), (trial.error or {}).get("what", ""), short(trial.run_id)] for trial in failed[:10]]
        print_table(rows, ["TRIAL", "WHY", "RUN"])


def _text(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
