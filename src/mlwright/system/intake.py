"""How events and due moments become firings: one decision for each, kept with its reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mlwright.core.events import Event
from mlwright.core.ids import short
from mlwright.errors import NotFound, did_you_mean
from mlwright.ledger import Transaction, outbox
from mlwright.ledger import system as repository
from mlwright.ledger.system import FiringRow
from mlwright.project import Project
from mlwright.system.values import NOW, Schedule, System, Trigger

_BATCH = 500


def take_events(project: Project, system: System) -> list[FiringRow]:
    """Let the system's triggers answer all events that they have not seen; return what they fired.

    The decisions and the subscriber's cursor are written in one transaction, so an event is answered once.
    """
    subscriber = f"system/{system.name}/triggers"
    types = sorted({type_ for trigger in system.triggers for type_ in trigger.on})
    fired: list[FiringRow] = []
    if not types:
        return fired
    with project.ledger.read() as connection:
        newest = outbox.last_seq(connection)
        if outbox.read_cursor(connection, subscriber) >= newest:
            return fired
    while True:
        with project.ledger.write(f"system:{system.name}") as tx:
            after = outbox.read_cursor(tx.connection, subscriber)
            events = outbox.read_events(tx.connection, after=after, before=newest + 1, types=types, limit=_BATCH)
            for event in events:
                fired += _answer(tx, system, event)
            outbox.move_cursor(tx.connection, subscriber, events[-1].seq if len(events) == _BATCH else newest)
        if len(events) < _BATCH:
            return fired


def take_due(project: Project, system: System) -> list[FiringRow]:
    """Fire the schedules that are due; of several moments missed, only the newest is made up for."""
    fired: list[FiringRow] = []
    now = project.clock.now()
    for schedule in system.schedules:
        with project.ledger.read() as connection:
            since = _last_due(connection, schedule)
        due = None if since is None else _newest_due(schedule, since, now)
        if due is None:
            continue
        with project.ledger.write(f"schedule:{schedule.name}") as tx:
            firing = FiringRow(
                source=f"schedule/{schedule.name}",
                key=due.isoformat(),
                system=system.name,
                decision="fired",
                reason=f"due at {due:%Y-%m-%d %H:%M} UTC ({schedule.cron}, {schedule.time_zone})",
                arguments=_filled(schedule.arguments, due),
                outcome=None,
                run_id=None,
                at=tx.now,
            )
            if repository.insert_firing(tx, firing):
                tx.emit("schedule.fired", f"schedule/{schedule.name}", due_at=due.isoformat(), system=system.name)
                fired.append(firing)
    return fired


def next_due(project: Project, system: System) -> datetime | None:
    """Return when the next schedule of the system is due, None when it has none."""
    moments = [_following(schedule, project.clock.now()) for schedule in system.schedules]
    return min(moments, default=None)


def fire(
    project: Project,
    system: System,
    trigger: str,
    *,
    key: str,
    arguments: dict[str, Any] | None = None,
    actor: str | None = None,
) -> FiringRow:
    """Fire a trigger by hand; cool-down and budget don't hold a person back.

    Args:
        project: Where the system is applied.
        system: The system.
        trigger: Name of the trigger.
        key: Chosen by the caller: the same key again returns the first firing and starts nothing.
        arguments: Arguments that win over the trigger's own.
        actor: Who fires it.

    Raises:
        NotFound: The system has no such trigger.
    """
    found = system.trigger(trigger)
    if found is None:
        names = [item.name for item in system.triggers]
        raise NotFound(f"system '{system.name}' has no trigger '{trigger}'.", fix=did_you_mean(trigger, names))
    source = f"trigger/{trigger}"
    with project.ledger.write(actor or project.actor) as tx:
        known = repository.find_firing(tx.connection, source, key)
        if known is not None:
            return known
        merged = _filled({**found.arguments, **(arguments or {})}, tx.now)
        firing = _firing(tx, system, source, key, ("fired", f"fired by {tx.actor}"), merged)
        repository.insert_firing(tx, firing)
        tx.emit("trigger.fired", source, system=system.name, reason=firing.reason, key=key)
    return firing


def _answer(tx: Transaction, system: System, event: Event) -> list[FiringRow]:
    fired: list[FiringRow] = []
    for trigger in system.triggers:
        if not trigger.answers(event.type, event.data):
            continue
        source = f"trigger/{trigger.name}"
        decision, reason = _decide(tx, system, trigger, event)
        arguments = _filled(trigger.arguments, tx.now) if decision == "fired" else {}
        firing = _firing(tx, system, source, event.id, (decision, reason), arguments)
        if not repository.insert_firing(tx, firing):
            continue
        type_ = "trigger.fired" if decision == "fired" else "trigger.declined"
        facts = {"system": system.name, "event_id": event.id, "decision": decision, "reason": reason}
        tx.emit(type_, source, **facts)
        if decision == "fired":
            fired.append(firing)
    return fired


def _decide(tx: Transaction, system: System, trigger: Trigger, event: Event) -> tuple[str, str]:
    source = f"trigger/{trigger.name}"
    cause = f"{event.type} {event.subject} ({short(event.id)})"
    running = [firing for firing in repository.open_firings(tx.connection, system.name) if firing.source == source]
    if running:
        return "busy", f"{cause}: its last run isn't over"
    if trigger.cooldown_days:
        recent = repository.fired_since(tx.connection, source, tx.now - timedelta(days=trigger.cooldown_days))
        if recent:
            return "cooling-down", f"{cause}: fired on {recent[-1].at:%Y-%m-%d}, waits {trigger.cooldown_days:g} days"
    if trigger.budget is not None:
        spent = repository.fired_since(tx.connection, source, tx.now - timedelta(days=trigger.budget_days))
        if len(spent) >= trigger.budget:
            return "over-budget", f"{cause}: fired {len(spent)} times in {trigger.budget_days:g} days"
    return "fired", cause


def _firing(
    tx: Transaction, system: System, source: str, key: str, decided: tuple[str, str], arguments: dict[str, Any]
) -> FiringRow:
    decision, reason = decided
    return FiringRow(
        source=source,
        key=key,
        system=system.name,
        decision=decision,
        reason=reason,
        arguments=arguments,
        outcome=None,
        run_id=None,
        at=tx.now,
    )


def _filled(arguments: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {name: now.isoformat() if value == NOW else value for name, value in arguments.items()}


def _last_due(connection: Any, schedule: Schedule) -> datetime | None:
    answered = repository.last_firing_key(connection, f"schedule/{schedule.name}")
    return datetime.fromisoformat(answered) if answered else repository.schedule_declared_at(connection, schedule.name)


def _newest_due(schedule: Schedule, since: datetime, now: datetime) -> datetime | None:
    newest = None
    moment = _following(schedule, since)
    while moment <= now:
        newest, moment = moment, _following(schedule, moment)
    return newest


def _following(schedule: Schedule, after: datetime) -> datetime:
    from cronsim import CronSim

    local = after.astimezone(ZoneInfo(schedule.time_zone))
    return next(CronSim(schedule.cron, local)).astimezone(UTC)
