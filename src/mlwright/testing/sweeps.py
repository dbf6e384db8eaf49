"""What every adviser of sweeps must do.

class TestMyAdviser(AdviserContract):
    @pytest.fixture
    def advise(self): ...          # makes an adviser from a plan
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from mlwright.ledger.sweeps import FAILED, FINISHED, PRUNED, TrialRow
from mlwright.sweeps.port import Adviser
from mlwright.sweeps.space import Choice, Integers, Uniform, choice, integers, uniform
from mlwright.sweeps.values import Plan
from mlwright.testing import refuse_overrides

#: Makes an adviser.
Advise = Callable[[Plan], Adviser]

_SPACE: dict[str, Uniform | Integers | Choice] = {
    "x": uniform(-1, 1),
    "rate": uniform(1e-4, 1e-1, log=True),
    "depth": integers(1, 9, step=2),
    "kind": choice([None, True, 1, "1", [1, 2]]),
}


def plan(**fields: Any) -> Plan:
    """Return a plan, of which some fields may be given."""
    given: dict[str, Any] = {"name": "s", "space": _SPACE, "directions": ["minimize"], "trials": 20}
    return Plan(**{**given, "sampler": "random", "pruner": "", "seed": 1, **fields})


def row(number: int, params: dict[str, Any], outcome: str = FINISHED, **fields: Any) -> TrialRow:
    """Return a trial as the ledger has it."""
    given: dict[str, Any] = {"run_id": f"r{number}", "attempt": 1, "status": "", "error": None, "duration_s": 1.0}
    given |= {"values": [float(number)] if outcome == FINISHED else [], "started_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return TrialRow(**{**given, "number": number, "params": params, "outcome": outcome, **fields})


class AdviserContract:
    """Tests of an `Adviser`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_overrides(AdviserContract, cls)

    @pytest.fixture
    def advise(self) -> Advise:
        """Makes the adviser under test."""
        raise NotImplementedError

    def test_advice_lies_within_the_space(self, advise: Advise) -> None:
        """Bounds hold, steps are kept, and a choice is the very value that was given."""
        adviser = advise(plan())
        adviser.remember([])
        for number in range(20):
            params = adviser.suggest(number)
            adviser.tell(number, FINISHED, [1.0])
            assert list(params) == list(_SPACE)
            assert -1 <= params["x"] <= 1
            assert 1e-4 <= params["rate"] <= 1e-1
            assert params["depth"] in (1, 3, 5, 7, 9)
            assert repr(params["kind"]) in ("None", "True", "1", "'1'", "[1, 2]")

    def test_the_same_trials_and_seed_give_the_same_advice(self, advise: Advise) -> None:
        """Whether an adviser saw the trials itself or was told of them makes no difference."""
        whole = advise(plan())
        whole.remember([])
        rows = []
        for number in range(6):
            rows.append(row(number, whole.suggest(number)))
            whole.tell(number, FINISHED, rows[-1].values)
        again = advise(plan())
        again.remember(rows[:5])
        assert again.suggest(5) == rows[5].params

    def test_another_seed_gives_other_advice(self, advise: Advise) -> None:
        """Chance starts from the seed."""
        found = []
        for seed in (1, 2):
            adviser = advise(plan(seed=seed))
            adviser.remember([])
            found.append(adviser.suggest(0))
        assert found[0] != found[1]

    def test_every_outcome_can_be_told_and_remembered(self, advise: Advise) -> None:
        """Finished, pruned, failed, and a trial that is about to be tried again."""
        adviser = advise(plan(pruner="median"))
        params = {"x": 0.5, "rate": 1e-2, "depth": 3, "kind": True}
        adviser.remember(
            [
                row(0, params),
                row(1, params, PRUNED, reported={0: 1.0, 1: 2.0}),
                row(2, params, FAILED),
                row(3, params, ""),
            ]
        )
        assert adviser.report(3, 0, 1.0) in (True, False)
        adviser.tell(3, FINISHED, [1.0])
        adviser.suggest(4)
        adviser.tell(4, FAILED, [])

    def test_a_value_that_is_reported_twice_is_taken_once(self, advise: Advise) -> None:
        """A trial that is tried again reports from the beginning."""
        adviser = advise(plan(pruner="median"))
        adviser.remember([])
        adviser.suggest(0)
        assert [adviser.report(0, 0, 1.0) for _ in range(2)] == [False, False]

    def test_importances_add_up_to_one_or_are_not_told(self, advise: Advise) -> None:
        """Little is known of few trials."""
        adviser = advise(plan())
        adviser.remember([])
        assert adviser.importances() == {}
        for number in range(20):
            params = adviser.suggest(number)
            adviser.tell(number, FINISHED, [params["x"]])
        found = adviser.importances()
        assert set(found) <= set(_SPACE)
        assert sum(found.values()) == pytest.approx(1)

    def test_it_says_in_one_sentence_what_advises(self, advise: Advise) -> None:
        """For people."""
        assert "\n" not in advise(plan()).describe()
