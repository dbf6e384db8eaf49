"""An invented report of nine months, for what shows reports: no ledger, no model, the same numbers each time."""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from msgspec import structs

from mlwright.reports import words
from mlwright.reports.values import (
    AlertStory,
    Bin,
    Cause,
    Day,
    FiringStory,
    GateSaid,
    LoopReport,
    Losses,
    Measured,
    MonitorStory,
    Period,
    RolloutStory,
    Step,
    VersionStory,
    Volume,
)

START = datetime(2013, 4, 1, tzinfo=UTC)
DAYS = 275
FATES = {1: "promoted", 2: "promoted", 3: "refused", 4: "promoted", 5: "rolled-back", 6: "promoted", 7: "inconclusive"}
TAKEN_OVER = {1: 0, 2: 36, 4: 82, 6: 130, 8: 170, 9: 200, 10: 238}


def invented(*, unit: float = 1.0) -> LoopReport:
    """Return a report in which every kind of thing happens.

    Args:
        unit: Multiplies the loop's gain; a negative one lets the loop lose.
    """
    chance = random.Random(7)
    days = [_day(chance, number) for number in range(DAYS)]
    weeks = _periods(chance, days, [START.date() + timedelta(days=7 * week) for week in range(41)], unit)
    starts = [date(2013, month, 1) for month in range(4, 13)] + [date(2014, 1, 1)]
    months = _periods(chance, days, starts, unit)
    rows = sum(day.rows for day in days)
    labelled = sum(day.labelled for day in days)
    report = LoopReport(
        system="flights",
        deployment="flight-delay",
        model="flight-delay",
        outcome="late",
        time_zone="UTC",
        since=START,
        until=START + timedelta(days=DAYS),
        as_of=START + timedelta(days=DAYS + 1),
        baseline_version=1,
        headline=[],
        notes=[
            "Version 1 gave no answer to 12 labelled rows (InvalidInput: unknown carrier); comparisons leave them out."
        ],
        volume=Volume(
            requests=6580,
            rows=rows,
            labelled=labelled,
            failed_requests=0,
            rescued_rows=143,
            errors={"candidate flight-delay/5: InvalidInput: column 'flight_number' holds an unknown category": 61},
            latency_median_s=0.0093,
            latency_p99_s=0.0311,
        ),
        losses=_losses(labelled, 0.2249, 0.4938, 0.4938 + 0.0172 * unit, 0.0048),
        days=days,
        weeks=weeks,
        months=months,
        calibration=_bins(chance, 0.0),
        baseline_calibration=_bins(chance, 0.05),
        versions=[_version(number, days) for number in range(1, 11)],
        rollouts=_rollouts(),
        alerts=_alerts(),
        monitors=_monitors(chance),
        firings=[_firing(number, day) for number, day in ((2, 30), (3, 60), (4, 75), (7, 150), (8, 160))],
    )
    return structs.replace(report, headline=words.headline(report))


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def _day(chance: random.Random, number: int) -> Day:
    rows = int(920 + 70 * math.sin(number / 7 * 6.283) + chance.gauss(0, 20))
    labelled = int(rows * 0.975)
    late = 0.22 + 0.09 * math.sin(number / 60) + abs(chance.gauss(0, 0.07))
    serving = max(version for version, day in TAKEN_OVER.items() if day <= number)
    by_version = {serving: rows}
    for candidate, day in TAKEN_OVER.items():
        if 0 < day - number <= 5:
            share = 0.5 if day - number <= 2 else 0.1
            by_version = {serving: int(rows * (1 - share)), candidate: rows - int(rows * (1 - share))}
    day = START.date() + timedelta(days=number)
    return Day(day=day, rows=rows, labelled=labelled, positives=int(late * labelled), by_version=by_version)


def _losses(rows: int, share: float, served: float, baseline: float, spread: float | None) -> Losses:
    entropy = -(share * math.log(share) + (1 - share) * math.log(1 - share))
    difference = served - baseline
    return Losses(
        rows=rows,
        positives=int(rows * share),
        served=served,
        baseline=baseline,
        base_rate=entropy,
        difference=difference,
        low=None if spread is None else difference - spread,
        high=None if spread is None else difference + spread,
        days=max(rows // 900, 1),
        confidence=0.95,
    )


def _periods(chance: random.Random, days: list[Day], starts: list[date], unit: float) -> list[Period]:
    found = []
    for start, end in pairwise(starts):
        inside = [day for day in days if start <= day.day < end]
        rows = sum(day.labelled for day in inside)
        share = sum(day.positives for day in inside) / rows
        served = 0.16 + 1.3 * share + chance.gauss(0, 0.01)
        number = (start - START.date()).days
        gain = unit * (0.0 if number < 36 else 0.02 + 0.02 * math.sin(number / 30) + chance.gauss(0, 0.006))
        spread = 0.008 if len(inside) > 10 else None
        told = _losses(rows, share, served, served + gain, spread)
        found.append(Period(start=start, end=end, rows=sum(day.rows for day in inside), losses=told))
    return found


def _bins(chance: random.Random, tilt: float) -> list[Bin]:
    return [
        Bin(
            low=place / 20,
            high=(place + 1) / 20,
            rows=int(70_000 * math.exp(-place / 3.2)) + 20,
            answer=place / 20 + 0.024,
            share=min(max(place / 20 + 0.024 + tilt * math.sin(place / 5) + chance.gauss(0, 0.008), 0), 1),
        )
        for place in range(19)
    ]


def _version(number: int, days: list[Day]) -> VersionStory:
    rows = sum(day.by_version.get(number, 0) for day in days)
    fate = FATES.get(number, "serving" if number == 10 else "promoted")
    taken = TAKEN_OVER.get(number)
    passed = fate != "refused"
    reason = (
        f"{'passed' if passed else 'refused'}: log loss 0.48{number} against flight-delay/1's 0.4912, difference "
        f"{'-0.0061' if passed else '+0.0410'} (95% interval -0.0102 to -0.0015, wanted to end at or below +0.0000) on "
        "5,912 rows of 164 groups"
    )
    sentence = "promoted: version 2's log loss was 0.011 below version 1's on the same 1,204 rows"
    return VersionStory(
        version=number,
        registered_at=at((taken or number * 20) - 6),
        actor="trigger:retrain",
        description=f"trained on {80_000 + number * 12_345:,} flights from 2013-01-01 to 2013-0{min(number + 3, 9)}-25",
        cause=Cause(
            sentence="trigger retrain: alert of monitor log-loss opened on 3 May: excess log loss 0.031 is above 0.02",
            source="trigger/retrain",
            alert_id="a1" if number > 1 else None,
        ),
        run_id=f"01k0000000000000000run{number:04d}",
        arguments={"as_of": "2013-05-03T00:00:00+00:00", "window_days": 365, "shuffle_labels": number == 3},
        metrics={"holdout_log_loss": 0.48 + number / 1000, "training_rows": 80_000.0 + number * 12_345},
        trained_until=at((taken or number * 20) - 11),
        gates=[
            GateSaid(gate="beats-champion", passed=passed, reason=reason, numbers={"rows": 5912}, at=at(number * 20)),
        ],
        fate=fate,
        fate_sentence="never deployed: refused by beats-champion" if not passed else sentence,
        served_from=at(taken) if taken is not None else None,
        served_until=None,
        rows=rows,
        failed_rows=143 if number == 5 else 0,
        losses=_losses(int(rows * 0.975), 0.22, 0.49, 0.51, 0.006) if rows else _none(),
    )


def _none() -> Losses:
    return Losses(
        rows=0,
        positives=0,
        served=None,
        baseline=None,
        base_rate=None,
        difference=None,
        low=None,
        high=None,
        days=0,
        confidence=0.95,
    )


def _rollouts() -> list[RolloutStory]:
    tried = [
        (1, 0, "promoted"),
        (2, 36, "promoted"),
        (4, 82, "promoted"),
        (5, 104, "rolled-back"),
        (6, 130, "promoted"),
    ]
    tried += [(7, 160, "inconclusive"), (8, 170, "promoted"), (9, 200, "promoted"), (10, 238, "promoted")]
    return [
        RolloutStory(
            id=f"01k00000000000000rollout{number:02d}",
            stable=None if number == 1 else number - 1,
            candidate=number,
            status=status,
            started_at=at(max(day - 5, 0)),
            ended_at=at(day),
            steps=[Step(weight=0.1, at=at(day - 5)), Step(weight=0.5, at=at(day - 3)), Step(weight=1.0, at=at(day))],
            looks=118,
            sentence=f"{status}: version {number}'s log loss was 0.011 below on the same 1,204 rows of 96 hours",
            numbers={},
            actor="controller:promotion",
        )
        for number, day, status in tried
    ]


def _alerts() -> list[AlertStory]:
    told = [
        ("log-loss", 30, 36),
        ("drift", 58, 63),
        ("log-loss", 74, 82),
        ("calibration", 98, 131),
        ("log-loss", 268, 0),
    ]
    return [
        AlertStory(
            id=f"a{place}",
            monitor=monitor,
            version=place + 1,
            severity="critical" if monitor == "log-loss" else "warning",
            sentence="excess log loss 0.031 (95% interval 0.012 to 0.050) is above the tolerance 0.02 over 7 days",
            opened_at=at(day),
            resolved_at=at(until) if until else None,
            resolution="version 2 took over" if until else "",
            led_to=[f"{day + 1} May: trigger retrain fired, run abcd1234 succeeded, made v{place + 2}"]
            if place
            else [],
        )
        for place, (monitor, day, until) in enumerate(told)
    ]


def _monitors(chance: random.Random) -> list[MonitorStory]:
    found = []
    for name, kind, tolerance, scale in (
        ("calibration", "calibration", 0.03, 0.02),
        ("drift", "input-drift", 0.2, 0.12),
        ("log-loss", "log-loss", 0.02, 0.014),
    ):
        measured = []
        for day in range(7, DAYS):
            value = scale * (0.4 + math.sin(day / 17) + chance.gauss(0, 0.15))
            verdict = "too-few" if day in range(36, 41) else "degraded" if value > tolerance else "ok"
            known = None if verdict == "too-few" else value
            low, high = (known - tolerance / 4, known + tolerance / 4) if known is not None else (None, None)
            told = "7 days told"
            measured.append(
                Measured(at=at(day), value=known, low=low, high=high, verdict=verdict, version=1, sentence=told)
            )
        found.append(MonitorStory(name=name, kind=kind, tolerance=tolerance, measured=measured))
    return found


def _firing(number: int, day: int) -> FiringStory:
    return FiringStory(
        source="trigger/retrain",
        at=at(day),
        last_at=at(day),
        count=1,
        decision="fired",
        reason="alert.opened alert/a1 (abcd1234)",
        outcome="succeeded",
        versions=[number],
    )
