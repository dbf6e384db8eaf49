"""Simulated days written to a project's inference log, as the gateway would have written them."""

from __future__ import annotations

from worlds import START, World

from mlwright.core.clock import ReplayClock
from mlwright.delivery import Rollout, Step
from mlwright.project import Project
from mlwright.serving import Predictions, inference_log, payload, record_labels

RULES = Rollout(steps=(Step(0.1, 100, 24.0), Step(0.5, 300, 24.0)), deadline_hours=240)


def replay_day(project: Project, clock: ReplayClock, world: World, number: int, weight: float) -> Predictions:
    """Log one simulated day and move the clock to its end; return the rows with their true labels."""
    rows = world.day(number, weight)
    log(project, rows)
    clock.advance(START.replace(hour=0) + (number + 1) * (START.replace(day=2) - START))
    return rows


def log(project: Project, rows: Predictions) -> None:
    """Write rows to the inference log, one request for each moment."""
    for at in sorted(set(rows.at.tolist())):
        part = rows.where(rows.at == at)
        mine = part.arm == "candidate"
        batch = payload.Payload(
            request=f"r-{at.isoformat()}",
            inputs=b"",
            ids=part.prediction_id.tolist(),
            arms=[("stable", 1), ("candidate", 2)],
            arm=mine.astype("u1").tobytes(),
            answered_by=(mine & ~part.failed).astype("u1").tobytes(),
            failed=part.failed.astype("u1").tobytes(),
            output="probability",
            score=part.score.astype("<f8").tobytes(),
            baseline=part.baseline_score.astype("<f8").tobytes(),
            latency_s=0.002,
            error="",
            features=payload.pack_features({}),
        )
        assert inference_log.append(project, "flights", batch.request, at.replace(tzinfo=START.tzinfo), batch)


def tell_labels(project: Project, rows: Predictions) -> None:
    """Record the true outcomes of some rows, now."""
    report = record_labels(project, "flights", dict(zip(rows.prediction_id, rows.label.tolist(), strict=True)))
    assert report.unknown == 0
