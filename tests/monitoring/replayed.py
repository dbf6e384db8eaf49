"""Simulated traffic of a deployment `flights`, as the gateway would have logged it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from mlwright import delivery
from mlwright.core.clock import ReplayClock
from mlwright.delivery import Deployment, Rollout
from mlwright.ledger import registry
from mlwright.monitoring import build_profile
from mlwright.project import Project
from mlwright.serving import inference_log, payload, record_labels
from version_rows import version_row

START = datetime(2026, 3, 1, tzinfo=UTC)
ROWS_A_DAY = 240


class Traffic:
    """Writes days of traffic; outcomes become known a day later.

    Args:
        project: Where to.
        clock: Moved to the end of each day.
        seed: The same seed gives the same traffic.
        rows: Rows a day.
    """

    def __init__(self, project: Project, clock: ReplayClock, *, seed: int = 1, rows: int = ROWS_A_DAY) -> None:
        self.project, self.clock, self.rows = project, clock, rows
        self.rng = np.random.default_rng(seed)
        self.waiting: dict[str, float] = {}
        self.day = 0
        with project.ledger.write("user:test") as tx:
            registry.claim_model(tx, "flight-delay")
            delivery.declare(tx, Deployment("flights", model="flight-delay", rollout=Rollout(steps=())))

    def deploy(self, version: int, *, profiled: bool = True) -> None:
        """Register a version with the profile of undisturbed traffic and give it all traffic."""
        columns, odds = self._features(3000, 0.0)
        plain = msgspec.json.encode(build_profile(columns, _sigmoid(odds)))
        digest = self.project.store.put(plain).digest if profiled else None
        with self.project.ledger.write("user:test") as tx:
            facts = {"metrics": {"training_rows": 3000.0}, "lineage": {"trained_until": tx.now.isoformat()}}
            registry.add_version(tx, version_row(tx, "flight-delay", version, profile_digest=digest, **facts))
        delivery.start(self.project, "flights", version)

    def play(self, days: int, *, version: int = 1, harm: float = 0.0, moved: float = 0.0) -> None:
        """Log some days: `harm` shifts the outcomes away from the scores, `moved` shifts the inputs."""
        for _ in range(days):
            columns, odds = self._features(self.rows, moved)
            chance = _sigmoid(odds + harm + self.rng.normal(0, 0.1))
            labels = (self.rng.random(self.rows) < chance).astype(float)
            hours = np.sort(self.rng.integers(0, 24, self.rows))
            ids = np.array([f"{self.day}-{i}" for i in range(self.rows)], dtype=object)
            for hour in np.unique(hours):
                mine = hours == hour
                self._log(version, int(hour), ids[mine], _sigmoid(odds)[mine], {k: v[mine] for k, v in columns.items()})
            self.day += 1
            self.clock.advance(START + timedelta(days=self.day))
            if self.waiting:
                record_labels(self.project, "flights", self.waiting)
            # Some outcomes never come.
            known = self.rng.random(self.rows) < 0.975
            self.waiting = dict(zip(ids[known], labels[known].tolist(), strict=True))

    def _features(self, rows: int, moved: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
        wind, carrier = self.rng.normal(moved, 1, rows), self.rng.choice(["AA", "UA", "DL"], rows).astype(object)
        columns = {"wind": wind, "carrier": carrier, "calm": self.rng.normal(size=rows)}
        return columns, -1.0 + 0.8 * wind

    def _log(
        self, version: int, hour: int, ids: np.ndarray, scores: np.ndarray, columns: dict[str, np.ndarray]
    ) -> None:
        size = len(ids)
        batch = payload.Payload(
            request=f"r-{self.day}-{hour}",
            inputs=b"",
            ids=ids.tolist(),
            arms=[("stable", version)],
            arm=bytes(size),
            answered_by=bytes(size),
            failed=bytes(size),
            output="probability",
            score=scores.astype("<f8").tobytes(),
            baseline=b"",
            latency_s=0.001,
            error="",
            features=payload.pack_features(columns),
        )
        at = START + timedelta(days=self.day, hours=hour)
        assert inference_log.append(self.project, "flights", batch.request, at, batch)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))
