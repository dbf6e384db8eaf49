"""Declaring sweeps and running them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Unpack, cast

import msgspec

from mlwright import project as projects
from mlwright import tracking
from mlwright.core import adapters
from mlwright.core.ids import new_id
from mlwright.core.settings import redact
from mlwright.errors import AlreadyRunning, Conflict, InvalidDefinition, InvalidUsage, RunFailed, Unsupported
from mlwright.ledger import leases, sweeps
from mlwright.ledger.runs import DEFAULT_EXPERIMENT
from mlwright.ledger.sweeps import FINISHED, SweepRow
from mlwright.project import Project
from mlwright.sweeps.conducting import LEASE_TTL_S, Conductor, OnTrial
from mlwright.sweeps.space import Domain, check_objective, checked_space, grid, space_of
from mlwright.sweeps.values import DIRECTIONS, Plan, SweepOptions, SweepResult
from mlwright.sweeps.workers import InOwnProcess, InProcess, Setup, Worker, setup_of
from mlwright.tracking.context import is_importing_for_a_step

ADVISER = "optuna"
DEFAULT_TRIALS = 50
_OPTIONS = tuple(SweepOptions.__annotations__)


class Sweep:
    """A declared sweep: an objective, where to look for good parameters, and how.

    Put at the top of a file it can be run from the command line: `mlwright sweep run FILE.py:NAME`.

    Args:
        objective: A function of the parameters, by their names, that returns a number, or a list of them. If its first
            parameter is called `trial`, it is given the `Trial`, too.
        space: A domain for each parameter; by default what the objective's annotations declare.
        name: What people call the sweep; with the experiment it says which sweep is gone on with.
        options: See `SweepOptions`.

    Raises:
        InvalidDefinition: The objective, the space or an option makes no sense.

    Example:
        >>> from mlwright.sweeps import uniform
        >>> Sweep(lambda x: (x - 2) ** 2, {"x": uniform(-10, 10)}, name="parabola", trials=20)
        Sweep('parabola', x)
    """

    def __init__(
        self,
        objective: Callable[..., Any],
        space: Mapping[str, Domain] | None = None,
        *,
        name: str,
        **options: Unpack[SweepOptions],
    ) -> None:
        if not callable(objective):
            raise InvalidDefinition(f"the objective is a {type(objective).__name__}, no function.")
        if not isinstance(name, str) or not name:
            raise InvalidDefinition("the sweep has no name.", fix='give one: sweep(objective, space, name="tuning")')
        self.objective = objective
        self.space = checked_space(space_of(objective) if space is None else space)
        self.name = name
        self.options = _checked_options(options)
        check_objective(objective, self.space)

    def __repr__(self) -> str:
        return f"Sweep({self.name!r}, {', '.join(self.space)})"

    def run(self, *, on_trial: OnTrial | None = None, **options: Unpack[SweepOptions]) -> SweepResult:
        """Run the trials that are missing.

        Args:
            on_trial: Is told of each trial that ended, of how many have, and of how many there will be.
            options: Options that win over those of the declaration.

        Returns:
            What the sweep gave, trials of earlier calls included.

        Raises:
            Unsupported: Runs of this process go to a server.
            Conflict: There is a sweep of this name that looks through another space or for something else.
            AlreadyRunning: Another process, or another thread of this one, conducts it now.
            RunFailed: The first trials failed, all of them.
        """
        if is_importing_for_a_step():
            from mlwright.pipelines.entry import MainPartReached

            raise MainPartReached
        chosen = _checked_options({**self.options, **options})
        project = chosen.get("project") or _own_project()
        tracking.recover(project)
        experiment = chosen.get("experiment", DEFAULT_EXPERIMENT)
        with _conducted(project, f"sweep:{experiment}/{self.name}") as lease:
            sweep, plan = self._begin(project, experiment, chosen)
            given = {"sampler": chosen.get("sampler"), "pruner": chosen.get("pruner")}
            objects = {name: value for name, value in given.items() if not isinstance(value, str | None)}
            adviser = adapters.load("sweep", ADVISER)(plan, **objects)
            conductor = Conductor(project, sweep, plan, adviser, lease)
            conductor.on_trial = on_trial
            return _carried_out(project, sweep, plan, conductor, self._workers(project, chosen), chosen)

    def _begin(self, project: Project, experiment: str, options: SweepOptions) -> tuple[SweepRow, Plan]:
        with project.ledger.read() as connection:
            known = sweeps.find_sweep(connection, self.name, experiment=experiment)
        if not options.get("resume", True):
            known = None
        plan = self._plan(options, known)
        document = msgspec.to_builtins(plan)
        with project.ledger.write(project.actor) as tx:
            if known is None:
                run_id = sweeps.begin_sweep(tx, self.name, experiment, document)
            else:
                run_id = known.run_id
                sweeps.go_on(tx, run_id, document)
            found = sweeps.find_sweep(tx.connection, run_id)
        if found is None:
            raise Conflict(f"the sweep '{self.name}' was deleted while it began.", fix="start it again")
        return found, plan

    def _plan(self, options: SweepOptions, known: SweepRow | None) -> Plan:
        given = options.get("direction", "minimize")
        directions = [given] if isinstance(given, str) else list(given)
        sampler, pruner = (_called(options.get(name)) for name in ("sampler", "pruner"))
        sampler = sampler or "tpe"
        most = len(grid(self.space)) if sampler == "grid" else None
        trials = options.get("trials", most or DEFAULT_TRIALS)
        before = None if known is None else msgspec.convert(known.plan, Plan)
        seed = options.get("seed")
        if seed is None:
            seed = before.seed if before else int(new_id()[-6:], 36) % 2**31
        plan = Plan(
            name=self.name,
            space=self.space,
            directions=directions,
            trials=min(trials, most or trials),
            sampler=sampler,
            pruner=pruner,
            seed=seed,
            objective=_place_of(self.objective),
        )
        if before is not None:
            _refuse_another(before, plan)
        return plan

    def _workers(self, project: Project, options: SweepOptions) -> list[Worker]:
        parallel = options.get("parallel", 1)
        if parallel == 1 or options.get("workers", "processes") == "threads":
            return [InProcess(project, self.objective) for _ in range(parallel)]
        setup: Setup = setup_of(project, self.objective)
        return [InOwnProcess(setup) for _ in range(parallel)]


def sweep(
    objective: Callable[..., Any],
    space: Mapping[str, Domain] | None = None,
    *,
    name: str,
    **options: Unpack[SweepOptions],
) -> SweepResult:
    """Look for good parameters: run an objective with many, each a trial, and learn from trial to trial.

    Each trial is a run, a part of the sweep's. A sweep that was interrupted goes on when it is called again: trials
    that ended are not run again, one that was running is.

    Args:
        objective: A function of the parameters, by their names, that returns a number, or a list of them. If its first
            parameter is called `trial`, it is given the `Trial`, too.
        space: A domain for each parameter; by default what the objective's annotations declare.
        name: What people call the sweep; with the experiment it says which sweep is gone on with.
        options: `trials`, `direction`, `sampler`, `pruner`, `parallel`, `workers`, `timeout_s`, `seed`, `resume`,
            `experiment` and `project`; see `SweepOptions`.

    Returns:
        What the sweep gave, trials of earlier calls included.

    Raises:
        InvalidDefinition: The objective, the space or an option makes no sense.
        Conflict: There is a sweep of this name that looks through another space or for something else.
        AlreadyRunning: Another process, or another thread of this one, conducts it now.
        RunFailed: The first trials failed, all of them.
        MissingExtra: Optuna isn't installed.

    Example:
        >>> from mlwright.sweeps import uniform
        >>> found = sweep(lambda x: (x - 2) ** 2, {"x": uniform(-10, 10)}, name="parabola")  # doctest: +SKIP
        >>> found.best_params  # doctest: +SKIP
        {'x': 1.98}
    """
    return Sweep(objective, space, name=name, **options).run()


def _own_project() -> Project:
    """Return the process's project.

    Raises:
        Unsupported: Its runs go to a server, whose ledger this process can't read.
    """
    project = projects.current()
    if project.settings.server:
        raise Unsupported(
            f"a sweep works on a ledger, not on the server {redact(project.settings.server)}.",
            why=f"what was tried is read from the ledger; the server comes from {project.settings.sources['server']}",
            fix="unset MLWRIGHT_SERVER and set MLWRIGHT_LEDGER to the server's database",
        )
    return project


@contextmanager
def _conducted(project: Project, name: str) -> Iterator[leases.Lease]:
    """Hold the right to conduct a sweep, against other processes and against other threads of this one."""
    owner = f"{leases.this_process()}"
    lease = None if name in _held else leases.acquire(project.ledger, name, ttl_s=LEASE_TTL_S, owner=owner)
    if lease is None:
        raise AlreadyRunning(
            f"the sweep '{name.removeprefix('sweep:')}' is being run already.",
            why=f"by {leases.holder(project.ledger, name) or 'another thread of this process'}",
            fix="wait for it, or give this one another name",
        )
    _held.add(name)
    try:
        yield lease
    finally:
        _held.discard(name)
        leases.release(project.ledger, lease)


_held: set[str] = set()


def _carried_out(
    project: Project,
    sweep: SweepRow,
    plan: Plan,
    conductor: Conductor,
    workers: list[Worker],
    options: SweepOptions,
) -> SweepResult:
    started_s = time.monotonic()
    timeout_s = options.get("timeout_s")
    conductor.deadline_s = None if timeout_s is None else started_s + timeout_s
    over = threading.Event()
    renewing = threading.Thread(target=conductor.renew, args=(over,), name="mlwright-sweep", daemon=True)
    renewing.start()
    status, error = "failed", None
    try:
        conductor.remember()
        _work_all(conductor, workers)
        status, error = _judged(conductor)
    except (KeyboardInterrupt, GeneratorExit):
        status = "cancelled"
        conductor.stop("it was interrupted")
        raise
    except BaseException as failure:
        error = {"type": type(failure).__qualname__, "what": str(failure)}
        raise
    finally:
        for worker in workers:
            worker.close()
        over.set()
        renewing.join()
        conductor.finish(status, error, duration_s=time.monotonic() - started_s)
    result = SweepResult(
        run_id=sweep.run_id,
        plan=plan,
        trials=conductor.counted(),
        importances=conductor.importances(),
        stopped=conductor.progress.stopped,
    )
    if error is not None:
        raise RunFailed(str(error["what"]), why=error.get("why"), fix="correct the objective; then run it again")
    return result


def _work_all(conductor: Conductor, workers: list[Worker]) -> None:
    """Run trials until there is none to begin; what a worker raises is raised here."""
    if len(workers) == 1:
        _work(conductor, workers[0])
        return
    failures: list[BaseException] = []

    def work(worker: Worker) -> None:
        try:
            _work(conductor, worker)
        except BaseException as failure:  # noqa: BLE001  # boundary: a thread; the sweep's own thread raises it
            failures.append(failure)
            conductor.stop(str(failure))

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _work(conductor: Conductor, worker: Worker) -> None:
    while (task := conductor.next()) is not None:
        number = task.number

        def report(step: int, value: float, number: int = number) -> bool:
            return conductor.report(number, step, value)

        conductor.end(task, worker.run(task, report))


def _judged(conductor: Conductor) -> tuple[str, dict[str, Any] | None]:
    trials = conductor.counted()
    if any(trial.outcome == FINISHED for trial in trials) or not trials:
        return "succeeded", None
    last = trials[-1].error or {}
    what = "every trial of the sweep failed" if last else "no trial of the sweep finished"
    return "failed", {"type": "RunFailed", "what": f"{what}.", "why": last.get("what")}


def _checked_options(given: Mapping[str, Any]) -> SweepOptions:
    for name in given:
        if name not in _OPTIONS:
            from mlwright.errors import did_you_mean

            raise InvalidUsage(f"a sweep has no option '{name}'.", fix=did_you_mean(name, list(_OPTIONS)))
    for name in ("trials", "parallel"):
        number = given.get(name, 1)
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InvalidDefinition(f"a sweep can't have {name}={number!r}.", fix="give a whole number of at least 1")
    given_directions = given.get("direction", "minimize")
    directions = [given_directions] if isinstance(given_directions, str) else list(given_directions)
    if not directions or any(direction not in DIRECTIONS for direction in directions):
        raise InvalidDefinition(
            f"direction={given_directions!r} is none.", fix="give minimize or maximize, or a list of them"
        )
    if given.get("workers", "processes") not in ("processes", "threads"):
        raise InvalidDefinition(f"workers={given['workers']!r} is none.", fix="give processes or threads")
    return cast("SweepOptions", dict(given))


def _refuse_another(before: Plan, plan: Plan) -> None:
    for name, what in (("space", "looks through another space"), ("directions", "looks for something else")):
        old, new = getattr(before, name), getattr(plan, name)
        if old != new:
            raise Conflict(
                f"there is a sweep '{plan.name}' already, and it {what}.",
                why=f"it has {msgspec.json.encode(old).decode()}, not {msgspec.json.encode(new).decode()}",
                fix="choose another name, or begin anew with resume=False",
            )


def _called(given: Any) -> str:
    return given if isinstance(given, str) else "" if given is None else type(given).__name__


def _place_of(objective: Callable[..., Any]) -> str:
    from mlwright.pipelines.entry import entry_of

    entry = entry_of(objective)[0]
    return f"{entry.file or entry.module}:{entry.qualname}"
