"""From registered to rolled out: the newest version passes its gates against whoever serves, then gets a rollout."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlwright import delivery, registry, serving
from mlwright.errors import NotFound
from mlwright.ledger import delivery as rollouts
from mlwright.project import Project
from mlwright.registry import Evaluation, ModelVersion
from mlwright.system.values import System

if TYPE_CHECKING:
    import numpy as np


class Promotion:
    """Considers the versions of a system's model, newest first.

    A version is judged once against each champion it meets: when another version took over while it waited for its
    turn, it is judged again. Where the deployment's alias stands for an environment that asks for gates or approvals,
    those have to agree, too. A version that is older than one which was rolled out, or refused, is left alone.

    Args:
        project: Where the system is applied.
        system: The system.
        on_action: Told one sentence for each thing done.
    """

    def __init__(self, project: Project, system: System, on_action: Callable[[str], None]) -> None:
        self._project = project
        self._system = system
        self._on_action = on_action
        self._passed: dict[tuple[int, int], bool] = {}
        self._asked: dict[tuple[int, int], tuple[str, str]] = {}

    def consider(self) -> None:
        """Judge the newest version if nobody has, and start its rollout if it passed and none is running."""
        deployment = self._system.deployment
        try:
            newest = registry.get_version(self._project, deployment.model)
        except NotFound:
            return
        with self._project.ledger.read() as connection:
            known = rollouts.list_rollouts(connection, deployment=deployment.name)
            row = rollouts.find_deployment(connection, deployment.name)
        if newest.version <= max((rollout.candidate for rollout in known), default=0):
            return
        champion = next((arm.version for arm in row.arms if arm.arm == "stable"), 0) if row else 0
        if not self._passes(newest, champion):
            return
        if any(rollout.status == "running" for rollout in known):
            return
        if not self._is_allowed(newest, champion):
            return
        rollout = delivery.start(
            self._project,
            deployment.name,
            newest.version,
            cause={"system": self._system.name, "version": newest.ref},
            actor="controller:promotion",
        )
        self._on_action(f"rollout of {newest.ref} on {deployment.name} {rollout.status}")

    def _passes(self, version: ModelVersion, champion: int) -> bool:
        judged = self._passed.get((version.version, champion))
        if judged is not None:
            return judged
        verdicts = registry.evaluate_gates(
            self._project,
            version,
            list(self._system.gates),
            self._evaluation(version, champion),
            actor="controller:promotion",
            idempotency_key=f"gates/{self._system.name}/{version.ref}/{champion}",
        )
        for verdict in verdicts:
            self._on_action(f"gate {verdict.gate} on {version.ref} {verdict.reason}")
        passed = all(verdict.passed for verdict in verdicts)
        self._passed[version.version, champion] = passed
        return passed

    def _is_allowed(self, version: ModelVersion, champion: int) -> bool:
        """Tell whether the environment that the deployment's alias stands for agrees; ask whoever must be asked.

        It is asked once, and again when the state of the request changed.
        """
        environment = self._system.deployment.alias
        if not registry.is_guarded(self._project, version.model, environment):
            return True
        key = (version.version, champion)
        present = registry.approval_state(self._project, version, environment)
        state, seen = self._asked.get(key, ("", ""))
        if not state or present != seen:
            reason = f"the system {self._system.name} wants to roll it out"
            found = registry.clear(self._project, version, environment, actor="controller:promotion", reason=reason)
            state, present = found.state, found.approval.state if found.approval else present
            self._asked[key] = (state, present)
            if state != "assigned":
                lacks = "; ".join(missing.reason for missing in found.missing)
                self._on_action(f"rollout of {version.ref} waits for {environment}: {lacks}")
        return state == "assigned"

    def _evaluation(self, version: ModelVersion, champion: int) -> Evaluation | None:
        if champion == 0:
            return registry.load_evaluation(self._project, version)
        serving_now = registry.get_version(self._project, f"{version.model}/{champion}")
        now = self._project.clock.now()
        since = max(now - timedelta(days=self._system.gate_days), _trained_until(version), _trained_until(serving_now))
        rows = serving.labelled(self._project, self._system.deployment.name, since, now, known_by=now)
        return Evaluation(
            columns=rows.features,
            labels=rows.label,
            groups=hours_of(rows.at),
            champion=registry.load_predictor(self._project, serving_now),
            champion_name=serving_now.ref,
        )


def hours_of(at: np.ndarray) -> np.ndarray:
    """Return the hour that each moment (datetime64) lies in: rows of one hour share their weather and their crowds."""
    return at.astype("datetime64[h]").astype("int64")


def _trained_until(version: ModelVersion) -> datetime:
    told = version.lineage.get("trained_until")
    return datetime.fromisoformat(told) if told else datetime(1970, 1, 1, tzinfo=UTC)
