"""What a user declares about a deployment: which model, how its traffic is shared, how a new version gets in."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mlwright.errors import InvalidDefinition


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stretch of a rollout in which the candidate has a fixed share of the traffic.

    The rollout leaves the step when enough was seen: `min_hours` have passed, `min_rows` of the candidate's rows of
    this step have their labels, and its mean loss on them lies no further above the stable version's than the margin.
    The last step before full traffic asks for more: the whole confidence interval has to lie below the margin.

    Attributes:
        weight: The candidate's share, above 0 and at most 1. A step of weight 1 is the promotion itself.
        min_rows: Labelled rows answered by the candidate that the step needs.
        min_hours: Hours that the step lasts at least.
    """

    weight: float
    min_rows: int = 0
    min_hours: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1:
            raise InvalidDefinition(
                f"a rollout step has weight {self.weight:g}.", fix="give a share above 0 and at most 1, for example 0.1"
            )
        if self.weight == 1 and (self.min_rows or self.min_hours):
            raise InvalidDefinition(
                "a rollout step of weight 1 asks for rows or hours.",
                why="full traffic is the promotion itself: no stable arm is left to compare with",
                fix="ask for them in a step before it, for example Step(0.9, min_rows=500)",
            )


_CANARY = (Step(0.1, 100, 24.0), Step(0.5, 300, 24.0), Step(1.0))


class Rollout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a new version gets its traffic, and what makes the judge promote it or take it back.

    Attributes:
        steps: Growing shares; a last step of weight 1 is added when it isn't there. Empty: full traffic at once.
        margin: How much worse than the stable version, in log loss a row, is still taken as no worse.
        confidence: Certainty of the verdicts. Of candidates that are no worse, at most 1 - confidence are rolled back,
            half of that by the test on errors and half by the test on losses, however often one looks.
        deadline_hours: After this time without a verdict the stable version keeps the traffic.
        max_error_ratio: A candidate may fail for this many times the stable version's share of rows before it counts
            as harm.
        max_loss_excess: Roll back at once when the rows it answered so far cost this much more, with certainty,
            whatever other days might bring.
        look_every_s: The judge looks at most this often, by the clock that facts are stamped with.
    """

    steps: tuple[Step, ...] = _CANARY
    margin: float = 0.02
    confidence: float = 0.95
    deadline_hours: float = 14 * 24.0
    max_error_ratio: float = 1.0
    max_loss_excess: float = 0.25
    look_every_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0.5 < self.confidence < 1:
            raise InvalidDefinition(
                f"a rollout has confidence {self.confidence:g}.", fix="give a share between 0.5 and 1, for example 0.95"
            )
        weights = [step.weight for step in self.steps]
        if sorted(set(weights)) != weights:
            raise InvalidDefinition(
                f"the weights of a rollout's steps are {', '.join(f'{weight:g}' for weight in weights)}.",
                why="each step gives the candidate more traffic than the one before",
                fix="order them, for example 0.1, 0.5, 1",
            )
        for name in ("deadline_hours", "max_error_ratio", "max_loss_excess"):
            if not getattr(self, name) > 0:
                raise InvalidDefinition(f"a rollout has {name} {getattr(self, name):g}.", fix="give a number above 0")
        if self.margin < 0:
            raise InvalidDefinition(f"a rollout has margin {self.margin:g}.", fix="give 0 or more, for example 0.02")

    def planned(self) -> tuple[Step, ...]:
        """Return the steps with the promotion as the last."""
        if self.steps and self.steps[-1].weight == 1:
            return self.steps
        return (*self.steps, Step(1.0))


class Deployment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place that answers requests with versions of one model.

    Attributes:
        name: Unique name in the project.
        model: Name of the model.
        route_by: Input column whose value says which arm a row belongs to, so that one unit always meets the same arm;
            None shares out whole requests.
        output: What the model gives; the judge compares log losses of probabilities.
        extra_columns: Text columns that requests may carry though the serving version doesn't take them: an identifier
            to keep in the log, or a feature that a later version will take.
        rollout: How a new version gets its traffic.
        alias: Alias that follows the version with full traffic.
        traffic: Name of the traffic adapter that carries the shares out.

    Example:
        >>> Deployment("churn", model="churn", rollout=Rollout(steps=(Step(0.2, min_rows=200), Step(1.0)))).alias
        'prod'
    """

    name: str
    model: str
    route_by: str | None = None
    output: Literal["probability"] = "probability"
    extra_columns: tuple[str, ...] = ()
    rollout: Rollout = Rollout()
    alias: str = "prod"
    traffic: str = "gateway"

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise InvalidDefinition(
                f"'{self.name}' can't be the name of a deployment.", fix="use letters, digits, '-' and '_'"
            )


def deployment_of(spec: dict[str, Any]) -> Deployment:
    """Return the deployment that a row of the ledger declares."""
    return msgspec.convert(spec, Deployment)
