"""Collecting a report: the ledger's facts and every logged row, put together once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np

from mlwright import registry
from mlwright.core.clock import as_utc
from mlwright.errors import InvalidUsage, MlwrightError, NotFound, did_you_mean
from mlwright.ledger import inference, system
from mlwright.ledger.inference import Logged
from mlwright.reports import history, measuring, words
from mlwright.reports.history import Counted, Facts
from mlwright.reports.measuring import Baseline, Reading
from mlwright.reports.values import LoopReport

if TYPE_CHECKING:
    from mlwright.project import Project

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = timedelta(microseconds=1)
_NOTHING = Logged(requests=0, rows=0, first_at=_EPOCH, last_at=_EPOCH)


class Wording(TypedDict, total=False):
    """How a report is told.

    Attributes:
        outcome: What an outcome of 1 is called in sentences; `positive` by default.
        time_zone: IANA name; days, weeks and months are those of this zone. UTC by default.
    """

    outcome: str
    time_zone: str


def collect(
    project: Project,
    system_name: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    baseline_version: int = 1,
    **wording: Unpack[Wording],
) -> LoopReport:
    """Tell what a system's loop did, and what it was worth against one version kept all the time.

    Args:
        project: Where the system is applied.
        system_name: Its name.
        since: Beginning, in event time; the first answered row by default.
        until: End, excluded; everything by default.
        baseline_version: Version that would have been kept.
        wording: How it is told; see `Wording`.

    Raises:
        NotFound: No system of this name was ever applied.
        InvalidUsage: The time zone isn't known, or `wording` has an unknown name.
    """
    outcome, time_zone = _told_how(wording)
    zone = _zone(time_zone)
    deployment, model = _deployment(project, system_name)
    now = as_utc(project.clock.now())
    logged, span = _logged(project, deployment, since, until)
    begin, end = (moment.astimezone(zone) for moment in span or (now, now))
    facts = history.gather(project, system_name, deployment, model, max(end, now) + _MOMENT, zone)
    baseline, notes = _baseline(project, model, baseline_version, facts)
    reading = measuring.read(project, deployment, begin, end, baseline, zone)
    rows = reading.rows
    judged, compared = rows.judged, rows.judged & ~np.isnan(rows.baseline)
    report = LoopReport(
        system=system_name,
        deployment=deployment,
        model=model,
        outcome=outcome,
        time_zone=time_zone,
        since=span[0] if span else None,
        until=span[1] if span else None,
        as_of=now,
        baseline_version=baseline_version,
        headline=[],
        notes=[*notes, *_notes(reading, baseline)],
        volume=measuring.volume(reading, logged),
        losses=measuring.losses(rows),
        days=measuring.days_of(rows, begin, end),
        weeks=measuring.weeks_of(rows, begin, end),
        months=measuring.months_of(rows, begin, end),
        calibration=measuring.calibration(rows.label[judged], rows.score[judged]),
        baseline_calibration=measuring.calibration(rows.label[compared], rows.baseline[compared]),
        versions=history.version_stories(facts, lambda version: _counted(reading, version)),
        rollouts=history.rollout_stories(facts),
        alerts=history.alert_stories(facts),
        monitors=history.monitor_stories(project, deployment, begin if span else _EPOCH, max(end, now)),
        firings=history.firing_stories(facts),
    )
    told: LoopReport = _in_zone(report, zone)
    return msgspec.structs.replace(told, headline=words.headline(told))


def _told_how(wording: Wording) -> tuple[str, str]:
    known = list(Wording.__annotations__)
    for name in wording:
        if name not in known:
            raise InvalidUsage(f"collect knows no '{name}'.", fix=did_you_mean(name, known))
    return wording.get("outcome", "positive"), wording.get("time_zone", "UTC")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidUsage(
            f"'{name}' is no time zone.", fix="use an IANA name, for example America/New_York"
        ) from error


def _in_zone(value: Any, zone: ZoneInfo) -> Any:
    """Return a value with every moment inside it told in a time zone."""
    if isinstance(value, datetime):
        return value.astimezone(zone)
    if isinstance(value, list):
        return [_in_zone(item, zone) for item in value]
    if isinstance(value, msgspec.Struct):
        fields = {name: _in_zone(getattr(value, name), zone) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **fields)
    return value


def _deployment(project: Project, name: str) -> tuple[str, str]:
    with project.ledger.read() as connection:
        row = system.current_system(connection, name)
        known = [found.name for found in system.current_systems(connection)]
    if row is None:
        hint = did_you_mean(name, known) or "apply one: mlwright run <file.py>"
        raise NotFound(f"there is no system '{name}'.", fix=hint, known=known)
    deployment, spec = next(iter(row.manifest["parts"]["deployment"].items()))
    return deployment, spec["model"]


def _logged(
    project: Project, deployment: str, since: datetime | None, until: datetime | None
) -> tuple[Logged, tuple[datetime, datetime] | None]:
    """Return what the log holds of a period, and the period; None for it when it holds nothing."""
    with project.ledger.read() as connection:
        found = inference.find_logged(
            connection, deployment, as_utc(since) if since else None, as_utc(until) if until else None
        )
    if found is None:
        return _NOTHING, None
    begin = as_utc(since) if since else found.first_at
    return found, (begin, as_utc(until) if until else found.last_at + _MOMENT)


def _baseline(project: Project, model: str, version: int, facts: Facts) -> tuple[Baseline, list[str]]:
    if not any(row.version == version for row in facts.versions):
        return Baseline(version=version, predictor=None), [f"There is no version {version} to compare with."]
    try:
        found = registry.get_version(project, f"{model}/{version}")
        return Baseline(version=version, predictor=registry.load_predictor(project, found)), []
    except MlwrightError as error:
        why = f"Version {version} can't be loaded, so what it would have answered isn't known: {error.what}"
        return Baseline(version=version, predictor=None), [why]


def _counted(reading: Reading, version: int) -> Counted:
    rows = reading.rows
    mine = rows.version == version
    failed = int((rows.failed & (rows.assigned == version)).sum())
    return Counted(rows=int(mine.sum()), failed_rows=failed, losses=measuring.losses(rows, mine))


def _notes(reading: Reading, baseline: Baseline) -> list[str]:
    notes = []
    if baseline.refused_rows:
        said = f" ({baseline.refusal})" if baseline.refusal else ""
        rows = words.counted(baseline.refused_rows, "labelled row")
        notes.append(f"Version {baseline.version} gave no answer to {rows}{said}; comparisons leave them out.")
    if reading.odd_labels:
        rows = words.counted(reading.odd_labels, "outcome")
        notes.append(f"{rows} are neither 0 nor 1 and are left out: log loss judges binary answers.")
    return notes
