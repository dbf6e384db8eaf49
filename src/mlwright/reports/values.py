"""The report of a system's loop as plain data: JSON-able, versioned, complete enough to be drawn without the ledger."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

import msgspec

#: Version of the layout of `LoopReport`; grows when a field changes its meaning or goes away.
FORMAT = 1
#: Of all intervals in a report.
CONFIDENCE = 0.95
#: With fewer days than this, an interval over days would be narrower than what is really known.
FEWEST_DAYS = 8

Fate = Literal[
    "serving", "promoted", "refused", "rolled-back", "inconclusive", "aborted", "rolling-out", "not-deployed"
]


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and answered.

    Attributes:
        requests: Requests that got an answer.
        rows: Rows of those requests.
        labelled: Rows of those whose outcome is known.
        failed_requests: Requests that got an error, because the stable version failed.
        rescued_rows: Rows for which a candidate failed and the stable version answered.
        errors: What failing versions said, and in how many requests; the most frequent first.
        latency_median_s: Half of the requests were answered within this time; None without requests.
        latency_p99_s: 99 of 100 requests were.
    """

    requests: int
    rows: int
    labelled: int
    failed_requests: int
    rescued_rows: int
    errors: dict[str, int]
    latency_median_s: float | None
    latency_p99_s: float | None


class Losses(msgspec.Struct, frozen=True, kw_only=True):
    """Log losses of the same labelled rows, answered in three ways. None: there are no such rows, or no such answer.

    Attributes:
        rows: Labelled rows that were answered.
        positives: Those of them whose outcome is 1.
        served: Mean log loss of what was answered.
        baseline: Mean log loss, had the baseline version answered.
        base_rate: Mean log loss of the best constant answer, known only afterwards: the share of ones.
        difference: `served` minus `baseline`; below zero the loop was better.
        low: Lower end of the difference's interval, None when there are too few days for one.
        high: Its upper end.
        days: How many days the rows lie on; the interval draws whole days.
        confidence: Of the interval.
    """

    rows: int
    positives: int
    served: float | None
    baseline: float | None
    base_rate: float | None
    difference: float | None
    low: float | None
    high: float | None
    days: int
    confidence: float

    @property
    def positive_share(self) -> float | None:
        """Share of ones among the labelled rows."""
        return self.positives / self.rows if self.rows else None


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A week or a month.

    Attributes:
        start: Its first day.
        end: The day after its last one.
        rows: Rows answered in it.
        losses: Of its labelled rows.
    """

    start: date
    end: date
    rows: int
    losses: Losses


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One day.

    Attributes:
        day: Which one.
        rows: Rows answered.
        labelled: Those whose outcome is known.
        positives: Those of them whose outcome is 1.
        by_version: Version -> rows that it answered.
    """

    day: date
    rows: int
    labelled: int
    positives: int
    by_version: dict[int, int]


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that got about the same answer: one point of a reliability diagram.

    Attributes:
        low: Smallest answer that belongs to the bin.
        high: Answers below this belong to it (the last bin has 1, too).
        rows: How many labelled rows.
        answer: Their mean answer.
        share: Share of ones among them.
    """

    low: float
    high: float
    rows: int
    answer: float
    share: float


class GateSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate said about a version."""

    gate: str
    passed: bool
    reason: str
    numbers: dict[str, Any]
    at: datetime


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why a version was trained.

    Attributes:
        sentence: For people.
        source: `trigger/<name>`, `schedule/<name>`, or empty when a person ran the pipeline or registered by hand.
        alert_id: The alert that led to it, if one did.
    """

    sentence: str
    source: str = ""
    alert_id: str | None = None


class VersionStory(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the model and what became of it.

    Attributes:
        version: Its number.
        registered_at: When.
        actor: Who registered it.
        description: What its maker says of it.
        cause: Why it was trained.
        run_id: The run that made it.
        arguments: That run's arguments.
        metrics: Measured at training time.
        trained_until: End of the data it was trained on, if told.
        gates: What the gates said, in the order of time.
        fate: What became of it.
        fate_sentence: The same with the deciding reason.
        served_from: When it first got all traffic.
        served_until: When it last lost it; None when it never had it, or has it now.
        rows: Rows that it answered.
        failed_rows: Rows assigned to it for which it failed.
        losses: Of the labelled rows that it answered.
    """

    version: int
    registered_at: datetime
    actor: str
    description: str
    cause: Cause
    run_id: str | None
    arguments: dict[str, Any]
    metrics: dict[str, float | None]
    trained_until: datetime | None
    gates: list[GateSaid]
    fate: Fate
    fate_sentence: str
    served_from: datetime | None
    served_until: datetime | None
    rows: int
    failed_rows: int
    losses: Losses


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate's share of the traffic from a moment on."""

    weight: float
    at: datetime


class RolloutStory(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout, from its start to its end.

    Attributes:
        id: Its id.
        stable: Version that served before, None for the first.
        candidate: Version on trial.
        status: running, promoted, rolled-back, inconclusive or aborted.
        started_at: When it began.
        ended_at: When it ended, None while it runs.
        steps: Shares that the candidate really got, in the order of time.
        looks: How often the judge looked.
        sentence: What was said last.
        numbers: The numbers behind it.
        actor: Who started it.
    """

    id: str
    stable: int | None
    candidate: int
    status: str
    started_at: datetime
    ended_at: datetime | None
    steps: list[Step]
    looks: int
    sentence: str
    numbers: dict[str, Any]
    actor: str


class AlertStory(msgspec.Struct, frozen=True, kw_only=True):
    """An alert and what came of it.

    Attributes:
        id: Its id.
        monitor: The monitor that opened it.
        version: Version that served.
        severity: info, warning or critical.
        sentence: What the monitor saw.
        opened_at: When.
        resolved_at: When it was over, None while it is open.
        resolution: Why it was over.
        led_to: What triggers answered, one sentence each.
    """

    id: str
    monitor: str
    version: int
    severity: str
    sentence: str
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str
    led_to: list[str]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a monitor measured over one window; `low` and `high` are the ends of its interval, where it has one."""

    at: datetime
    value: float | None
    low: float | None
    high: float | None
    verdict: str
    version: int
    sentence: str


class MonitorStory(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor and all that it measured.

    Attributes:
        name: Its name.
        kind: What it watches, for example `log-loss`.
        tolerance: Value above which a window is degraded, None when it has none.
        measured: In the order of time.
    """

    name: str
    kind: str
    tolerance: float | None
    measured: list[Measured]


class FiringStory(msgspec.Struct, frozen=True, kw_only=True):
    """A decision of a trigger or schedule, or several alike in a row by which nothing was fired.

    Attributes:
        source: `trigger/<name>` or `schedule/<name>`.
        at: When; of several, the first.
        last_at: When the last of them was taken.
        count: How many they are.
        decision: fired, or why not: cooling-down, over-budget, busy.
        reason: A sentence; of several, the first one's.
        outcome: How its run ended; None while it isn't over, or when nothing was fired.
        versions: What its run registered.
    """

    source: str
    at: datetime
    last_at: datetime
    count: int
    decision: str
    reason: str
    outcome: str | None
    versions: list[int]


class LoopReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a system's loop did over some time, and whether it was worth it.

    Attributes:
        format: Version of this layout.
        system: Name of the system.
        deployment: Its deployment.
        model: The deployment's model.
        outcome: What an outcome of 1 is called, for example `late`.
        time_zone: IANA name; days, weeks and months are those of this zone, and all moments are told in it.
        since: Beginning of what is told of.
        until: End of it.
        as_of: When the report was made, by the clock that facts are stamped with.
        baseline_version: Version that what was served is compared with.
        headline: The most important sentences.
        notes: What can't be told, and why.
        volume: What was asked and answered.
        losses: Of all labelled rows.
        days: Day by day.
        weeks: Week by week, from Monday.
        months: Month by month.
        calibration: Reliability of what was served.
        baseline_calibration: Reliability of the baseline version on the same rows.
        versions: Every version, in the order of their numbers.
        rollouts: In the order of time.
        alerts: In the order of time.
        monitors: By name.
        firings: Decisions of triggers and schedules, in the order of time.
    """

    format: int = FORMAT
    system: str
    deployment: str
    model: str
    outcome: str
    time_zone: str
    since: datetime | None
    until: datetime | None
    as_of: datetime
    baseline_version: int
    headline: list[str]
    notes: list[str]
    volume: Volume
    losses: Losses
    days: list[Day]
    weeks: list[Period]
    months: list[Period]
    calibration: list[Bin]
    baseline_calibration: list[Bin]
    versions: list[VersionStory]
    rollouts: list[RolloutStory]
    alerts: list[AlertStory]
    monitors: list[MonitorStory]
    firings: list[FiringStory]
