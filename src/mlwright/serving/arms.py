"""Arms: which versions share a deployment's rows, and which row goes to which of them.

A row's place in [0, 1) is a hash of its unit, so a unit stays with its arm while the weights stay, and a candidate
whose weight grows keeps the units that it has. Each rollout shuffles anew: it isn't always the same units that try.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np

from mlwright.registry.predictor import Predictor
from mlwright.registry.values import Column, ModelVersion

STABLE = "stable"
PINNED = "pinned"


class LoadedArm(msgspec.Struct, frozen=True, kw_only=True):
    """A version that takes a share of the rows.

    Attributes:
        name: `stable`, `candidate`, or `pinned` for a version that the caller named.
        version: The version.
        weight: Its share, 0 to 1.
        predictor: The loaded model, None when it could not be loaded.
        error: Why it could not.
    """

    name: str
    version: ModelVersion
    weight: float
    predictor: Predictor | None
    error: Exception | None = None


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment as the gateway serves it: everything that a request needs, never changed.

    Attributes:
        name: What the URL calls it.
        model: The model's name.
        arms: Who answers, the stable arm first.
        deployment: The deployment whose log is written; empty for a model that is asked for outside any.
        route_by: Column that tells units apart, None when each request is a unit.
        rollout_id: The running rollout, None outside one.
        allowed: Columns that a request may have, by name.
        features: Which of them are logged: what some arm takes, and the extra columns of the deployment.
    """

    name: str
    model: str
    arms: list[LoadedArm]
    deployment: str
    route_by: str | None
    rollout_id: str | None
    allowed: dict[str, Column]
    features: frozenset[str]

    @property
    def stable(self) -> LoadedArm:
        """The arm that answers where another one fails."""
        return self.arms[0]

    @property
    def salt(self) -> str:
        """What shuffles the units: in a rollout the pair of versions, so that a replay meets the same split again."""
        if self.rollout_id is None:
            return self.name
        return f"{self.name}/{'/'.join(str(arm.version.version) for arm in self.arms)}"

    @property
    def is_ready(self) -> bool:
        """Whether the stable arm can answer."""
        return bool(self.arms) and self.stable.predictor is not None


def columns_of(arms: Sequence[LoadedArm]) -> dict[str, Column]:
    """Return all columns that some arm takes; where they differ, as the stable arm (the first) declares them."""
    columns: dict[str, Column] = {}
    for arm in reversed(arms):
        columns |= {column.name: column for column in arm.version.signature.inputs}
    return columns


def assign(arms: Sequence[LoadedArm], units: Sequence[str], salt: str) -> np.ndarray:
    """Return for each unit the index of its arm; shape [units], uint8.

    Args:
        arms: Who shares the rows, the stable arm first.
        units: What stays together.
        salt: What shuffles the units; see `Route.salt`.
    """
    if len(arms) == 1:
        return np.zeros(len(units), dtype=np.uint8)
    # The stable arm takes the far end, so that the others grow from 0 upwards and keep the units that they have.
    order = [*range(1, len(arms)), 0]
    bounds = np.cumsum([arms[index].weight for index in order])
    places = np.array([place_of(unit, salt) for unit in units])
    found = np.searchsorted(bounds[:-1], places, side="right")
    return np.array(order, dtype=np.uint8)[found]


def place_of(unit: str, salt: str) -> float:
    """Return a unit's place in [0, 1): the same for the same unit and salt, on every machine."""
    digest = hashlib.blake2b(unit.encode(), digest_size=8, key=salt.encode()[:64]).digest()
    return int.from_bytes(digest, "big") / 2**64
