"""Advice from Optuna: its samplers choose parameters, its pruners stop trials early.

The study lives in memory only. Whenever a sweep goes on, it is rebuilt from the ledger's trials: each is asked for
again with the parameters that it had, so that a sampler that keeps state in the study (CMA-ES, the quasi-random
sequences, the genetic ones) is where it was. Those that only look at trials start each trial from the sweep's seed and
the trial's number: advice doesn't depend on how often the sweep was killed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import optuna

from mlwright.core.digest import digest_json
from mlwright.errors import InvalidDefinition, did_you_mean
from mlwright.ledger.sweeps import FINISHED, PRUNED, TrialRow
from mlwright.sweeps.space import Choice, Domain, Integers, grid
from mlwright.sweeps.values import Plan

_SAMPLERS = ("tpe", "random", "grid", "cmaes", "qmc", "nsga2")
_PRUNERS = ("median", "hyperband", "successive-halving")
_STATES = {FINISHED: optuna.trial.TrialState.COMPLETE, PRUNED: optuna.trial.TrialState.PRUNED}
#: Fewer finished trials tell nothing about what matters.
_FEWEST = 4


class OptunaAdviser:
    """Advises by an Optuna study; see `mlwright.sweeps.port.Adviser`."""

    def __init__(self, plan: Plan, *, sampler: Any = None, pruner: Any = None) -> None:
        self._plan = plan
        self._sampler = sampler
        self._space = {name: _distribution(domain) for name, domain in plan.space.items()}
        self._grid = grid(plan.space) if plan.sampler == "grid" else []
        self._trials: dict[int, optuna.Trial] = {}
        with _quiet():
            self._study: Any = optuna.create_study(
                study_name=plan.name,
                directions=list(plan.directions),
                sampler=sampler or _sampler(plan, plan.seed),
                pruner=pruner or _pruner(plan),
            )
        # Some samplers end a study that has seen everything; how many trials there are is the plan's to say.
        vars(self._study)["stop"] = _nothing
        self._is_free_of_state = sampler is None and plan.sampler in ("tpe", "random", "grid")

    def remember(self, trials: Sequence[TrialRow]) -> None:
        """Take in all trials of the ledger."""
        for trial in trials:
            self._ask(trial.number, trial.params)
            if trial.outcome:
                for step, value in trial.reported.items():
                    self.report(trial.number, step, value)
                self.tell(trial.number, trial.outcome, trial.values)

    def suggest(self, number: int) -> dict[str, Any]:
        """Return the parameters of a new trial."""
        params = self._ask(number, self._grid[number % len(self._grid)] if self._grid else None)
        return {name: _value(domain, params[name]) for name, domain in self._plan.space.items()}

    def report(self, number: int, step: int, value: float) -> bool:
        """Take in a value on the way; tell whether the trial isn't worth going on with."""
        trial = self._trials[number]
        with _quiet():
            if step not in trial._get_latest_trial().intermediate_values:
                trial.report(value, step)
            return bool(trial.should_prune())

    def tell(self, number: int, outcome: str, values: Sequence[float]) -> None:
        """Take in how a trial ended."""
        state = _STATES.get(outcome, optuna.trial.TrialState.FAIL)
        with _quiet():
            self._study.tell(self._trials[number], list(values) if outcome == FINISHED else None, state)

    def importances(self) -> dict[str, float]:
        """Return how much each parameter matters, by PED-ANOVA (Watanabe, Bansal, Hutter 2023)."""
        done = self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        if len(done) < _FEWEST:
            return {}
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        with _quiet():
            found = optuna.importance.get_param_importances(self._study, evaluator=evaluator)
        return dict(found) if sum(found.values()) > 0 else {}

    def describe(self) -> str:
        """Return one sentence that says what advises and how."""
        pruner = self._plan.pruner or "nothing"
        return f"Optuna {optuna.__version__}: {self._plan.sampler} chooses, {pruner} stops trials early"

    def _ask(self, number: int, params: dict[str, Any] | None) -> dict[str, Any]:
        with _quiet():
            if self._is_free_of_state:
                self._study.sampler = _sampler(self._plan, _mixed(self._plan.seed, number))
            sampler = self._study.sampler
            if params is not None:
                known = {name: _inner(self._plan.space[name], value) for name, value in params.items()}
                self._study.sampler = _Known(sampler, known, asks=not self._is_free_of_state)
            trial = self._study.ask(self._space)
            self._study.sampler = sampler
        self._trials[number] = trial
        return dict(trial.params)


class _Known(optuna.samplers.BaseSampler):
    """Gives parameters that are known; still asks a sampler that keeps state, so that it takes the same steps."""

    def __init__(self, sampler: Any, known: dict[str, Any], *, asks: bool) -> None:
        self._sampler = sampler
        self._known = known
        self._asks = asks

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return dict(self._sampler.infer_relative_search_space(study, trial)) if self._asks else {}

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        found = self._sampler.sample_relative(study, trial, search_space) if self._asks else {}
        return {name: self._known[name] for name in found}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        if self._asks:
            self._sampler.sample_independent(study, trial, param_name, param_distribution)
        return self._known[param_name]

    def before_trial(self, study: Any, trial: Any) -> None:
        if self._asks:
            self._sampler.before_trial(study, trial)


def _nothing() -> None:
    return


def _distribution(domain: Domain) -> Any:
    if isinstance(domain, Choice):
        # By place: a vendor's choices are few kinds of values, ours are whatever is JSON.
        return optuna.distributions.CategoricalDistribution(range(len(domain.values)))
    if isinstance(domain, Integers):
        return optuna.distributions.IntDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
    with _quiet():
        return optuna.distributions.FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)


def _value(domain: Domain, inner: Any) -> Any:
    return domain.values[inner] if isinstance(domain, Choice) else inner


def _inner(domain: Domain, value: Any) -> Any:
    """Return a value as the study has it; as JSON, because to Python 1, 1.0 and True are equal."""
    if not isinstance(domain, Choice):
        return value
    return [msgspec.json.encode(known) for known in domain.values].index(msgspec.json.encode(value))


def _sampler(plan: Plan, seed: int) -> Any:
    samplers = optuna.samplers
    if plan.sampler == "tpe":
        return samplers.TPESampler(seed=seed)
    if plan.sampler in ("random", "grid"):
        return samplers.RandomSampler(seed=seed)
    if plan.sampler == "cmaes":
        if len(plan.directions) > 1:
            raise InvalidDefinition(
                "the sampler 'cmaes' takes one objective.", why=f"the sweep has {len(plan.directions)}", fix="use tpe"
            )
        return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    if plan.sampler == "qmc":
        return samplers.QMCSampler(scramble=True, seed=seed, warn_independent_sampling=False)
    if plan.sampler == "nsga2":
        return samplers.NSGAIISampler(seed=seed)
    raise InvalidDefinition(
        f"there is no sampler '{plan.sampler}'.", fix=did_you_mean(plan.sampler, list(_SAMPLERS)) or None
    )


def _pruner(plan: Plan) -> Any:
    if not plan.pruner:
        return optuna.pruners.NopPruner()
    if len(plan.directions) > 1:
        raise InvalidDefinition(
            "a sweep of several objectives can't stop trials early.",
            why="no pruner compares them",
            fix="leave pruner out",
        )
    if plan.pruner == "median":
        return optuna.pruners.MedianPruner()
    if plan.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner()
    if plan.pruner == "successive-halving":
        return optuna.pruners.SuccessiveHalvingPruner()
    raise InvalidDefinition(
        f"there is no pruner '{plan.pruner}'.", fix=did_you_mean(plan.pruner, list(_PRUNERS)) or None
    )


def _mixed(seed: int, number: int) -> int:
    """Return a seed for one trial, as far from its neighbours' as chance would have it."""
    return int(digest_json([seed, number])[7:15], 16)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's talk about what is experimental, and about each study and trial, from the user's screen."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
