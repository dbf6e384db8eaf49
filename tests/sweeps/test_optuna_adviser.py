"""Optuna's advice passes the port's contract."""

from __future__ import annotations

import pytest

from mlwright.core import adapters
from mlwright.errors import InvalidDefinition
from mlwright.testing.sweeps import Advise, AdviserContract, plan

pytest.importorskip("optuna", reason="sweeps need the extra 'sweeps'")


class TestOptunaAdviser(AdviserContract):
    @pytest.fixture
    def advise(self) -> Advise:
        return adapters.load("sweep", "optuna")


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "qmc", "nsga2"])
def test_every_sampler_can_be_told_of_every_outcome(sampler: str) -> None:
    adviser = adapters.load("sweep", "optuna")(plan(sampler=sampler))
    adviser.remember([])
    for number in range(30):
        params = adviser.suggest(number)
        adviser.tell(number, ["finished", "failed", "pruned"][number % 3], [params["x"]])


def test_a_sampler_of_one_objective_refuses_several() -> None:
    with pytest.raises(InvalidDefinition, match="takes one objective"):
        adapters.load("sweep", "optuna")(plan(sampler="cmaes", directions=["minimize", "maximize"]))
