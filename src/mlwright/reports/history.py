"""What happened, told from the ledger: versions, rollouts, alerts, monitors, firings, each with what caused it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from mlwright.core.events import Event
from mlwright.core.scales import day_label
from mlwright.errors import NotFound
from mlwright.ledger import delivery, monitoring, outbox, registry, runs, system
from mlwright.ledger.delivery import RolloutRow, TrafficRow
from mlwright.ledger.monitoring import AlertRow, ResultRow
from mlwright.ledger.registry import GateRow, VersionRow
from mlwright.ledger.system import FiringRow
from mlwright.monitoring.values import monitor_of
from mlwright.reports.values import (
    AlertStory,
    Cause,
    Fate,
    FiringStory,
    GateSaid,
    Losses,
    Measured,
    MonitorStory,
    RolloutStory,
    Step,
    VersionStory,
)

if TYPE_CHECKING:
    from mlwright.project import Project

_ALL = 1_000_000
_ALERT = "alert/"


class Facts(msgspec.Struct, kw_only=True):
    """Everything but the rows, as the ledger has it; lists are in the order of time.

    Attributes:
        alert_events: Key of a firing -> the event of an alert that it answered.
        runs: Id -> the runs that made the versions.
        undone: Version -> why all traffic was taken from it by hand.
        zone: Time zone of the days in sentences.
    """

    versions: list[VersionRow]
    gates: list[GateRow]
    rollouts: list[RolloutRow]
    looks: dict[str, int]
    last_looks: dict[str, str]
    traffic: list[TrafficRow]
    alerts: list[AlertRow]
    firings: list[FiringRow]
    alert_events: dict[str, Event]
    runs: dict[str, runs.RunRow]
    undone: dict[int, str]
    zone: ZoneInfo


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in the rows of one version."""

    rows: int
    failed_rows: int
    losses: Losses


def gather(project: Project, system_name: str, deployment: str, model: str, until: datetime, zone: ZoneInfo) -> Facts:
    """Read everything but the rows, in one consistent state of the ledger.

    Args:
        project: Where to look.
        system_name: Whose firings.
        deployment: Whose rollouts, traffic and alerts.
        model: Whose versions.
        until: Only what began before this moment.
        zone: Time zone of the days in sentences.
    """
    with project.ledger.read() as connection:
        versions = [v for v in registry.list_versions(connection, model, limit=_ALL) if v.created_at < until]
        rollouts = [
            row
            for row in delivery.list_rollouts(connection, deployment=deployment, limit=_ALL)
            if row.started_at < until
        ]
        looks = {row.id: delivery.list_looks(connection, row.id) for row in rollouts}
        alerts = monitoring.list_alerts(connection, deployment=deployment, limit=_ALL)
        firings = [f for f in system.list_firings(connection, system=system_name, limit=_ALL) if f.at < until]
        events = {firing.key: outbox.find_event(connection, firing.key) for firing in firings}
        undone = outbox.read_events(
            connection, types=["deployment.rolled-back"], subject=f"deployment/{deployment}", limit=_ALL
        )
        return Facts(
            versions=sorted(versions, key=lambda row: row.version),
            gates=registry.gate_rows(connection, model),
            rollouts=rollouts[::-1],
            looks={id_: len(found) for id_, found in looks.items()},
            last_looks={id_: found[-1].sentence for id_, found in looks.items() if found},
            traffic=delivery.traffic_history(connection, deployment, until=until, limit=_ALL)[::-1],
            alerts=[row for row in alerts if row.opened_at < until][::-1],
            firings=firings[::-1],
            alert_events={
                key: event for key, event in events.items() if event is not None and event.subject.startswith(_ALERT)
            },
            runs=_runs(connection, [row.run_id for row in versions if row.run_id]),
            undone={event.data["before"]: str(event.data.get("reason", "")) for event in undone},
            zone=zone,
        )


def version_stories(facts: Facts, counted: Callable[[int], Counted]) -> list[VersionStory]:
    """Return every version and what became of it.

    Args:
        facts: What the ledger has.
        counted: Tells what was counted in the rows of a version.
    """
    return [_version(facts, row, counted(row.version)) for row in facts.versions]


def rollout_stories(facts: Facts) -> list[RolloutStory]:
    """Return every rollout with the shares that its candidate really got."""
    return [
        RolloutStory(
            id=row.id,
            stable=row.stable,
            candidate=row.candidate,
            status=row.status,
            started_at=row.started_at,
            ended_at=row.ended_at,
            steps=_steps(facts, row),
            looks=facts.looks[row.id],
            sentence=_last_words(facts, row),
            numbers=(row.verdict or {}).get("numbers", {}),
            actor=row.actor,
        )
        for row in facts.rollouts
    ]


def alert_stories(facts: Facts) -> list[AlertStory]:
    """Return every alert with what triggers answered to it."""
    answered: dict[str, list[FiringRow]] = {}
    for firing in facts.firings:
        if firing.key in facts.alert_events:
            answered.setdefault(_alert_of(facts, firing.key), []).append(firing)
    told = {id_: [_answer(story) for story in _condensed(facts, rows)] for id_, rows in answered.items()}
    return [
        AlertStory(
            id=row.id,
            monitor=row.monitor,
            version=row.version,
            severity=row.severity,
            sentence=row.sentence,
            opened_at=row.opened_at,
            resolved_at=row.resolved_at,
            resolution=row.resolution,
            led_to=told.get(row.id, []),
        )
        for row in facts.alerts
    ]


def firing_stories(facts: Facts) -> list[FiringStory]:
    """Return every decision of triggers and schedules with what it made; refusals in a row are told as one."""
    return _condensed(facts, facts.firings)


def monitor_stories(project: Project, deployment: str, since: datetime, until: datetime) -> list[MonitorStory]:
    """Return the deployment's monitors and what they measured over windows that ended in [since, until]."""
    with project.ledger.read() as connection:
        found = []
        for monitor in monitoring.list_monitors(connection, deployment=deployment, retired=True):
            results = monitoring.list_results(connection, monitor=monitor.name, since=since, limit=_ALL)
            found.append(
                MonitorStory(
                    name=monitor.name,
                    kind=str(monitor.spec.get("kind", "")),
                    tolerance=monitor_of(monitor.spec).limit,
                    measured=[_measured(row) for row in reversed(results) if row.window_end <= until],
                )
            )
        return found


def _measured(row: ResultRow) -> Measured:
    # Kinds that measure a mean keep its interval under the mean's name.
    interval = row.numbers.get("excess") or row.numbers.get("bias") or {}
    return Measured(
        at=row.window_end,
        value=row.value,
        low=interval.get("low"),
        high=interval.get("high"),
        verdict=row.verdict,
        version=row.version,
        sentence=row.sentence,
    )


def _version(facts: Facts, row: VersionRow, counted: Counted) -> VersionStory:
    run = facts.runs.get(row.run_id or "")
    fate, sentence = _fate(facts, row)
    stretches = [t for t in facts.traffic if any(a.arm == "stable" and a.version == row.version for a in t.arms)]
    trained_until = row.lineage.get("trained_until")
    return VersionStory(
        version=row.version,
        registered_at=row.created_at,
        actor=row.actor,
        description=row.description,
        cause=_cause(facts, row, run),
        run_id=row.run_id,
        arguments=run.arguments if run else {},
        metrics=row.metrics,
        trained_until=datetime.fromisoformat(trained_until).astimezone(UTC) if trained_until else None,
        gates=[
            GateSaid(gate=said.gate, passed=said.passed, reason=said.reason, numbers=said.numbers, at=said.at)
            for said in facts.gates
            if said.version == row.version
        ],
        fate=fate,
        fate_sentence=sentence,
        served_from=stretches[0].from_at if stretches else None,
        served_until=stretches[-1].to_at if stretches else None,
        rows=counted.rows,
        failed_rows=counted.failed_rows,
        losses=counted.losses,
    )


def _cause(facts: Facts, row: VersionRow, run: runs.RunRow | None) -> Cause:
    if run is None:
        return Cause(sentence=f"registered by {row.actor}")
    cause = run.cause or {}
    source, key = str(cause.get("source", "")), str(cause.get("key", ""))
    event = facts.alert_events.get(key)
    if event is not None:
        sentence = f"{source.replace('/', ' ')}: {_seen(facts, event)}: {event.data.get('sentence')}"
        return Cause(sentence=sentence, source=source, alert_id=_alert_of(facts, key))
    if source:
        return Cause(sentence=f"{source.replace('/', ' ')}: {cause.get('reason', '')}", source=source)
    return Cause(sentence=f"pipeline {run.pipeline} run by {run.actor}" if run.pipeline else f"run by {run.actor}")


def _fate(facts: Facts, row: VersionRow) -> tuple[Fate, str]:
    tried = [rollout for rollout in facts.rollouts if rollout.candidate == row.version]
    if tried:
        return _fate_of_rollout(facts, row.version, tried[-1])
    said = [gate for gate in facts.gates if gate.version == row.version]
    refusals = [gate for gate in said if not gate.passed]
    if refusals:
        return "refused", f"never deployed: refused by {', '.join(dict.fromkeys(gate.gate for gate in refusals))}"
    return "not-deployed", "never deployed: its gates passed" if said else "never deployed: no gate was asked"


def _fate_of_rollout(facts: Facts, version: int, rollout: RolloutRow) -> tuple[Fate, str]:
    words = _last_words(facts, rollout)
    if rollout.status == "running":
        return "rolling-out", words or "its rollout has begun"
    if rollout.status == "promoted":
        now = facts.traffic[-1].arms if facts.traffic else []
        if any(arm.arm == "stable" and arm.version == version for arm in now):
            return "serving", words
        if version in facts.undone:
            return "rolled-back", f"{words}; later rolled back by hand: {facts.undone[version]}"
        return "promoted", words
    known: dict[str, Fate] = {"rolled-back": "rolled-back", "inconclusive": "inconclusive"}
    return known.get(rollout.status, "aborted"), words


def _last_words(facts: Facts, row: RolloutRow) -> str:
    return str((row.verdict or {}).get("sentence") or facts.last_looks.get(row.id, ""))


def _steps(facts: Facts, row: RolloutRow) -> list[Step]:
    steps = [
        Step(weight=arm.weight, at=stretch.from_at)
        for stretch in facts.traffic
        if stretch.rollout_id == row.id
        for arm in stretch.arms
        if arm.arm == "candidate"
    ]
    if row.status == "promoted" and row.ended_at is not None:
        steps.append(Step(weight=1.0, at=row.ended_at))
    return steps


def _alert_of(facts: Facts, key: str) -> str:
    return facts.alert_events[key].subject.removeprefix(_ALERT)


def _seen(facts: Facts, event: Event) -> str:
    verb = "opened" if event.type == "alert.opened" else "still open"
    return f"alert of monitor {event.data.get('monitor')} {verb} on {day_label(event.time.astimezone(facts.zone))}"


def _reason(facts: Facts, row: FiringRow) -> str:
    """Return a decision's reason, with the alert in words instead of the event's id."""
    event = facts.alert_events.get(row.key)
    if event is None:
        return row.reason
    _, _, held_back = row.reason.partition(": ")
    return f"{_seen(facts, event)}; {held_back}" if held_back else _seen(facts, event)


def _condensed(facts: Facts, firings: Sequence[FiringRow]) -> list[FiringStory]:
    told: list[FiringStory] = []
    for row in firings:
        last = told[-1] if told else None
        if last and row.decision != "fired" and (last.source, last.decision) == (row.source, row.decision):
            told[-1] = msgspec.structs.replace(last, last_at=row.at.astimezone(facts.zone), count=last.count + 1)
            continue
        story = FiringStory(
            source=row.source,
            at=row.at.astimezone(facts.zone),
            last_at=row.at.astimezone(facts.zone),
            count=1,
            decision=row.decision,
            reason=_reason(facts, row),
            outcome=row.outcome,
            versions=_made(facts, row),
        )
        told.append(story)
    return told


def _answer(story: FiringStory) -> str:
    name, day = story.source.replace("/", " "), day_label(story.at)
    if story.decision != "fired":
        often = f" {story.count} times until {day_label(story.last_at)}" if story.count > 1 else ""
        return f"{day}: {name} held back{often}: {story.decision.replace('-', ' ')}"
    if story.outcome is None:
        return f"{day}: {name} fired; its run isn't over"
    made = ", ".join(f"v{version}" for version in story.versions) or "no version"
    return f"{day}: {name} fired; its run {story.outcome} and made {made}"


def _made(facts: Facts, firing: FiringRow) -> list[int]:
    return [row.version for row in facts.versions if firing.run_id and row.run_id == firing.run_id]


def _runs(connection: Any, ids: list[str]) -> dict[str, runs.RunRow]:
    found = {}
    for id_ in ids:
        try:
            found[id_] = runs.get_run(connection, id_)
        except NotFound:
            continue
    return found
