"""What every traffic adapter must do.

class TestMyTraffic(TrafficContract):
    @pytest.fixture
    def traffic(self): ...         # the adapter, with a declared deployment `flights` that answers nothing yet
"""

from __future__ import annotations

from typing import Any

import pytest

from mlwright.delivery.port import Traffic
from mlwright.errors import InvalidDefinition, NotFound
from mlwright.ledger.delivery import Arm
from mlwright.testing import refuse_overrides

_STABLE = Arm(arm="stable", version=1, weight=1.0)
_CANARY = [Arm(arm="stable", version=1, weight=0.9), Arm(arm="candidate", version=2, weight=0.1)]


class TrafficContract:
    """Tests of a `Traffic`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_overrides(TrafficContract, cls)

    @pytest.fixture
    def traffic(self) -> Traffic:
        """The adapter under test; its deployment `flights` is declared and answers nothing yet."""
        raise NotImplementedError

    def test_nothing_answers_before_arms_are_set(self, traffic: Traffic) -> None:
        """A new deployment has no arms."""
        assert traffic.arms("flights") == []

    def test_arms_that_were_set_are_the_arms(self, traffic: Traffic) -> None:
        """What was set is what is read."""
        traffic.set_arms("flights", _CANARY)
        assert traffic.arms("flights") == _CANARY

    def test_new_arms_replace_the_old_ones(self, traffic: Traffic) -> None:
        """Nothing of the old shares is left."""
        traffic.set_arms("flights", _CANARY)
        traffic.set_arms("flights", [_STABLE])
        assert traffic.arms("flights") == [_STABLE]

    def test_setting_the_same_arms_again_changes_nothing(self, traffic: Traffic) -> None:
        """A controller that repeats itself after a crash does no harm."""
        traffic.set_arms("flights", _CANARY)
        traffic.set_arms("flights", _CANARY)
        assert traffic.arms("flights") == _CANARY

    def test_no_arms_mean_that_nothing_answers(self, traffic: Traffic) -> None:
        """A deployment can be withdrawn."""
        traffic.set_arms("flights", [_STABLE])
        traffic.set_arms("flights", [])
        assert traffic.arms("flights") == []

    def test_shares_that_do_not_add_up_are_refused_and_change_nothing(self, traffic: Traffic) -> None:
        """The sum of the shares is 1."""
        traffic.set_arms("flights", [_STABLE])
        with pytest.raises(InvalidDefinition, match="add up"):
            traffic.set_arms("flights", [_CANARY[0]])
        assert traffic.arms("flights") == [_STABLE]

    def test_an_arm_that_is_there_twice_is_refused(self, traffic: Traffic) -> None:
        """Arms are told apart by their names."""
        half = Arm(arm="stable", version=1, weight=0.5)
        with pytest.raises(InvalidDefinition, match="stable, stable"):
            traffic.set_arms("flights", [half, half])

    def test_an_unknown_deployment_is_named(self, traffic: Traffic) -> None:
        """A typo is answered with what is known."""
        with pytest.raises(NotFound, match="flihgts"):
            traffic.arms("flihgts")
        with pytest.raises(NotFound, match="flihgts"):
            traffic.set_arms("flihgts", [_STABLE])

    def test_it_says_what_it_is(self, traffic: Traffic) -> None:
        """Listings show the description."""
        assert traffic.describe()
