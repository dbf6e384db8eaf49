"""Routes: what serves now, as the ledger's traffic says, with its models loaded."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from mlwright import registry
from mlwright.errors import MlwrightError, NotFound, did_you_mean
from mlwright.ledger import delivery
from mlwright.ledger.delivery import DeploymentRow
from mlwright.registry import ModelVersion
from mlwright.registry.predictor import Predictor
from mlwright.registry.signatures import arrays_of
from mlwright.registry.values import Column, is_version
from mlwright.serving.arms import PINNED, STABLE, LoadedArm, Route, columns_of

if TYPE_CHECKING:
    from mlwright.project import Project

log = structlog.get_logger(__name__)

#: A text column that any request may have: how its predictions are called.
ID_COLUMN = "prediction_id"
_PINNED_KEPT = 8
_LOAD_AGAIN_S = 10.0


class Routes:
    """The routes of all deployments. Safe to share between threads.

    A request never loads a model of a deployment that serves already: it takes the routes as they are, and when the
    traffic has changed, a thread loads what is new while the old routes go on.

    Args:
        project: Whose deployments.
        refresh_s: After how many seconds a request looks at the ledger's traffic again.

    Attributes:
        loads: How many models were loaded so far.
    """

    def __init__(self, project: Project, *, refresh_s: float) -> None:
        self.project = project
        self.loads = 0
        self._refresh_s = refresh_s
        self._routes: dict[str, Route] = {}
        self._serving: dict[str, DeploymentRow] = {}
        self._known: dict[str, DeploymentRow] = {}
        self._loaded: dict[tuple[str, int], LoadedArm] = {}
        self._pinned: OrderedDict[tuple[str, int, bool], LoadedArm] = OrderedDict()
        self._loading = threading.Lock()
        self._looking = threading.Lock()
        self._pinning = threading.Lock()
        self._next_look = 0.0
        self._next_retry = 0.0
        self._background: threading.Thread | None = None

    def names(self) -> list[str]:
        """Return the names of the deployments that have something to serve."""
        self._look()
        return [name for name, row in self._known.items() if row.arms]

    def all_ready(self) -> bool:
        """Tell whether every deployment that has something to serve can answer; what isn't loaded yet begins to."""
        names = self.names()
        if not self._routes.keys() >= set(names):
            self._load_in_background()
        return all(name in self._routes and self._routes[name].is_ready for name in names)

    def find(self, name: str, version: str | None = None) -> Route:
        """Return what answers a name now, or a version of it whatever the traffic says.

        Raises:
            NotFound: There is no such deployment (or, with a version, model), or nothing serves there yet.
        """
        self._look()
        if version is not None:
            return self._pin(name, version)
        route = self._routes.get(name) or self._first(name)
        if route is None:
            raise self._unknown(name)
        return route

    def refresh(self) -> None:
        """Read the traffic, load what it needs, and let it serve."""
        with self._loading:
            rows = self._read()
            wanted = {(row.model, arm.version) for row in rows.values() for arm in row.arms}
            for row in rows.values():
                for arm in row.arms:
                    self._load(row.model, arm.version, allow_pickle=bool(row.spec.get("allow_pickle")))
            self._loaded = {key: arm for key, arm in self._loaded.items() if key in wanted}
            self._next_retry = time.monotonic() + _LOAD_AGAIN_S
            self._swap(rows)

    def close(self) -> None:
        """Wait for a model that is being loaded in the background."""
        if self._background is not None:
            self._background.join()

    def _look(self) -> None:
        """Notice that the traffic has changed, at most once in `refresh_s`, without waiting for anybody."""
        if time.monotonic() < self._next_look or not self._looking.acquire(blocking=False):
            return
        try:
            self._next_look = time.monotonic() + self._refresh_s
            rows = self._read()
            failed = any(arm.predictor is None for arm in self._loaded.values())
            self._known = rows
            if rows == self._serving and not (failed and time.monotonic() > self._next_retry):
                return
            needed = {(row.model, arm.version) for row in rows.values() for arm in row.arms}
            if self._loading.acquire(blocking=False):
                try:
                    if not failed and needed <= self._loaded.keys():
                        self._swap(rows)
                        return
                finally:
                    self._loading.release()
            if self._routes:
                # Before anything serves there is nothing to go on with: `find` loads then, and the caller waits.
                self._load_in_background()
        finally:
            self._looking.release()

    def _first(self, name: str) -> Route | None:
        """Wait for the models of a deployment that nobody has asked for yet; None when there is none of this name."""
        with self._looking:
            row = self._known.get(name)
        if row is not None and row.arms and name not in self._routes:
            self.refresh()
        return self._routes.get(name)

    def _load_in_background(self) -> None:
        if self._background is not None and self._background.is_alive():
            return
        self._background = threading.Thread(target=self._refresh_quietly, name="mlwright-model-loader", daemon=True)
        self._background.start()

    def _refresh_quietly(self) -> None:
        try:
            self.refresh()
        except MlwrightError as error:
            log.warning("traffic not refreshed", error=str(error))

    def _read(self) -> dict[str, DeploymentRow]:
        with self.project.ledger.read() as connection:
            return delivery.current_arms(connection)

    def _swap(self, rows: dict[str, DeploymentRow]) -> None:
        self._routes = {name: self._route(row) for name, row in rows.items() if row.arms}
        self._serving = self._known = rows

    def _route(self, row: DeploymentRow) -> Route:
        # The stable arm comes first; a deployment without one has its first arm in that place.
        ordered = sorted(row.arms, key=lambda arm: arm.arm != STABLE)
        arms = [
            LoadedArm(name=arm.arm, version=held.version, weight=arm.weight, predictor=held.predictor, error=held.error)
            for arm in ordered
            for held in [self._loaded[row.model, arm.version]]
        ]
        return _route_of(row.name, row.model, arms, row)

    def _load(self, model: str, number: int, *, allow_pickle: bool) -> None:
        held = self._loaded.get((model, number))
        if held is not None and held.predictor is not None:
            return
        version = registry.get_version(self.project, f"{model}/{number}")
        predictor, error = None, None
        try:
            predictor = _warmed(registry.load_predictor(self.project, version, allow_pickle=allow_pickle), version)
        except Exception as raised:  # noqa: BLE001  # boundary: user code; it concerns this version alone
            error = raised
            log.warning("model version not loaded", version=version.ref, error=str(raised))
        self.loads += 1
        self._loaded[model, number] = LoadedArm(name="", version=version, weight=0.0, predictor=predictor, error=error)

    def _pin(self, name: str, version: str) -> Route:
        row = self._known.get(name)
        model = row.model if row else name
        found = _version(self.project, model, version)
        allow_pickle = bool(row and row.spec.get("allow_pickle"))
        key = (model, found.version, allow_pickle)
        arm = self._pinned.get(key)
        if arm is None:
            predictor = _warmed(registry.load_predictor(self.project, found, allow_pickle=allow_pickle), found)
            self.loads += 1
            arm = LoadedArm(name=PINNED, version=found, weight=1.0, predictor=predictor)
        with self._pinning:
            self._pinned[key] = arm
            self._pinned.move_to_end(key)
            while len(self._pinned) > _PINNED_KEPT:
                self._pinned.popitem(last=False)
        return _route_of(name, model, [arm], row)

    def _unknown(self, name: str) -> NotFound:
        if name in self._known:
            return NotFound(
                f"deployment '{name}' has no version to serve.",
                why="nothing was ever deployed to it, or it was withdrawn",
                fix=f"mlwright deployments start {name} <version>",
            )
        known = list(self._known)
        return NotFound(f"there is no deployment '{name}'.", fix=did_you_mean(name, known) or "deploy one: mlwright up")


def _route_of(name: str, model: str, arms: Sequence[LoadedArm], row: DeploymentRow | None) -> Route:
    features = columns_of(arms)
    route_by = row.spec.get("route_by") if row else None
    kept = tuple(row.spec.get("extra_columns", ())) if row else ()
    extra = {extra: Column(extra, "BYTES", nullable=True) for extra in (ID_COLUMN, route_by, *kept) if extra}
    return Route(
        name=name,
        model=model,
        arms=list(arms),
        deployment=row.name if row else "",
        route_by=route_by,
        rollout_id=row.rollout_id if row and arms[0].name != PINNED else None,
        allowed=extra | features,
        features=frozenset(features).union(kept),
    )


def _version(project: Project, model: str, version: str) -> ModelVersion:
    if not is_version(version):
        raise NotFound(f"model '{model}' has no version '{version}'.", fix="versions are numbers, for example 1")
    return registry.get_version(project, f"{model}/{version}")


def _warmed(predictor: Predictor, version: ModelVersion) -> Predictor:
    """Answer the version's example once, so that the first request doesn't pay for what libraries do at first."""
    if version.signature.example:
        predictor.predict(arrays_of(version.signature.inputs, version.signature.example))
    return predictor
