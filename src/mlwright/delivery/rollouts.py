"""Rollouts: starting them, looking at them, ending them. Each change is one transaction with its events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.core.clock import as_utc
from mlwright.core.ids import derived_id, new_id
from mlwright.delivery.traffic import converge, share, the_deployment
from mlwright.delivery.values import Rollout, Step, deployment_of
from mlwright.errors import Conflict, NotFound
from mlwright.ledger import delivery as rows
from mlwright.ledger.delivery import Arm, LookRow, RolloutRow
from mlwright.registry.versions import find, move_alias

if TYPE_CHECKING:
    from mlwright.delivery.judge import Decision
    from mlwright.ledger import Transaction
    from mlwright.project import Project

CONTROLLER = "controller:rollout"
_STATUS = {"promote": "promoted", "roll-back": "rolled-back", "keep-stable": "inconclusive"}


def start(
    project: Project,
    deployment: str,
    candidate: int,
    *,
    cause: dict[str, Any] | None = None,
    actor: str | None = None,
    idempotency_key: str | None = None,
) -> RolloutRow:
    """Begin to move a deployment's traffic to another version.

    The first version of a deployment, and any version when the rollout declares no steps, gets all traffic at once.

    Args:
        project: Where the deployment is.
        deployment: Its name.
        candidate: Version of its model.
        cause: What asked for it, JSON-able.
        actor: Who asks; the project's actor by default.
        idempotency_key: A second start under the same key returns the first rollout.

    Raises:
        NotFound: There is no such deployment or version.
        Conflict: Another rollout is running, or the version has all traffic already.
    """
    rollout_id = new_id() if idempotency_key is None else derived_id("rollout", deployment, idempotency_key)
    with project.ledger.write(actor or project.actor) as tx:
        known = rows.find_rollout(tx.connection, rollout_id)
        if known is not None:
            return known
        row = _begin(tx, deployment, rollout_id, candidate=candidate, cause=cause)
    converge(project, deployment)
    return row


def _begin(
    tx: Transaction,
    deployment: str,
    rollout_id: str,
    *,
    candidate: int,
    cause: dict[str, Any] | None,
) -> RolloutRow:
    declared = the_deployment(tx.connection, deployment, lock=True)
    find(tx.connection, f"{declared.model}/{candidate}")
    running = rows.running_rollout(tx.connection, deployment, lock=True)
    if running is not None:
        if running.candidate == candidate:
            return running
        raise Conflict(
            f"deployment '{deployment}' is rolling out version {running.candidate} already.",
            why="one rollout at a time, so that what is seen has one cause",
            fix=f"wait for it, or stop it: mlwright deployments abort {deployment}",
            rollout_id=running.id,
        )
    stable = next((arm.version for arm in declared.arms if arm.arm == "stable"), None)
    if stable == candidate:
        raise Conflict(
            f"deployment '{deployment}' serves version {candidate} already.", fix="nothing to do", version=candidate
        )
    steps = deployment_of(declared.spec).rollout.planned() if stable is not None else (Step(1.0),)
    row = RolloutRow(
        id=rollout_id,
        deployment=deployment,
        stable=stable,
        candidate=candidate,
        status="running",
        steps=msgspec.to_builtins(steps),
        step=0,
        step_started_at=tx.now,
        started_at=tx.now,
        ended_at=None,
        verdict=None,
        cause=cause,
        actor=tx.actor,
    )
    rows.add_rollout(tx, row)
    tx.emit("rollout.started", _subject(row), **_facts(row), stable=stable, steps=row.steps, cause=cause)
    if len(steps) == 1:
        sentence = "first version: all traffic at once" if stable is None else "all traffic at once, as declared"
        _promote(tx, row, f"promoted: {sentence}", {})
        return rows.find_rollout(tx.connection, row.id) or row
    share(tx, declared, _arms(row, 0), reason=f"rollout of version {candidate} started", rollout_id=row.id)
    return row


def look(project: Project, rollout_id: str, *, actor: str = CONTROLLER) -> LookRow | None:
    """Let the judge look at a rollout now, and do what it decides.

    A look belongs to a moment: at the same moment again, or sooner than the rollout's `look_every_s`, nothing is
    decided anew and the newest look is returned.

    Returns:
        The look; None for a rollout that ended without any.

    Raises:
        NotFound: There is no such rollout.
    """
    with project.ledger.read() as connection:
        row = _found(rows.find_rollout(connection, rollout_id), rollout_id)
        last = rows.last_look(connection, rollout_id)
        rules = deployment_of(the_deployment(connection, row.deployment).spec).rollout
    now = as_utc(project.clock.now())
    if row.status != "running":
        return last
    if last is not None and now - last.at < timedelta(seconds=max(rules.look_every_s, 1e-6)):
        return last
    decision = _judge(project, row, rules, now)
    with project.ledger.write(actor) as tx:
        present = _found(rows.find_rollout(tx.connection, rollout_id, lock=True), rollout_id)
        if (present.status, present.step) != ("running", row.step) or rows.find_look(tx.connection, rollout_id, now):
            # Somebody else looked in between: what was decided here is out of date.
            return rows.last_look(tx.connection, rollout_id)
        found = LookRow(
            rollout_id=rollout_id,
            at=now,
            step=row.step,
            decision=decision.decision,
            sentence=decision.sentence,
            numbers=decision.numbers,
        )
        rows.add_look(tx, found)
        _carry_out(tx, present, found)
    if found.decision != "continue":
        converge(project, row.deployment)
    return found


def look_all(project: Project, deployment: str | None = None, *, actor: str = CONTROLLER) -> list[str]:
    """Look at every running rollout (of one deployment) and return a sentence for each that moved."""
    with project.ledger.read() as connection:
        running = rows.list_rollouts(connection, deployment=deployment, status="running")
    said = []
    for row in running:
        with project.ledger.read() as connection:
            before = rows.last_look(connection, row.id)
        found = look(project, row.id, actor=actor)
        if found is not None and found != before and found.decision != "continue":
            said.append(f"rollout of version {row.candidate} to {row.deployment} {found.sentence}")
    return said


def abort(project: Project, rollout_id: str, *, reason: str, actor: str | None = None) -> RolloutRow:
    """Stop a running rollout by hand; its stable version gets all traffic. One that has ended is left as it is."""
    with project.ledger.write(actor or project.actor) as tx:
        row = _found(rows.find_rollout(tx.connection, rollout_id, lock=True), rollout_id)
        if row.status != "running":
            return row
        _end(tx, row, status="aborted", sentence=f"aborted: {reason}", numbers={})
        row = _found(rows.find_rollout(tx.connection, rollout_id), rollout_id)
    converge(project, row.deployment)
    return row


def rollback(project: Project, deployment: str, *, reason: str, actor: str | None = None) -> int:
    """Give all traffic to the version that served before, at once; return that version.

    While a rollout runs, that is the stable version, and the rollout ends. Otherwise it is the version that the
    present one replaced; doing it again goes one further back.

    Raises:
        NotFound: There is no such deployment.
        Conflict: No version served before.
    """
    with project.ledger.write(actor or project.actor) as tx:
        declared = the_deployment(tx.connection, deployment, lock=True)
        running = rows.running_rollout(tx.connection, deployment, lock=True)
        if running is not None and running.stable is not None:
            _end(tx, running, status="rolled-back", sentence=f"rolled back by hand: {reason}", numbers={})
            version = running.stable
        else:
            present = next((arm.version for arm in declared.arms if arm.arm == "stable"), None)
            version = _before(tx, deployment, present)
            share(tx, declared, [Arm(arm="stable", version=version, weight=1.0)], reason=f"rolled back: {reason}")
            alias = deployment_of(declared.spec).alias
            move_alias(tx, declared.model, alias, version, reason=f"rolled back: {reason}")
            tx.emit(
                "deployment.rolled-back", f"deployment/{deployment}", version=version, before=present, reason=reason
            )
    converge(project, deployment)
    return version


def _before(tx: Transaction, deployment: str, present: int | None) -> int:
    for row in rows.list_rollouts(tx.connection, deployment=deployment, status="promoted"):
        if row.candidate == present and row.stable is not None:
            return row.stable
    serves = "nothing serves it" if present is None else f"version {present} is its first"
    raise Conflict(
        f"deployment '{deployment}' has no version to go back to.", why=serves, fix="roll another version out instead"
    )


def _judge(project: Project, row: RolloutRow, rules: Rollout, now: datetime) -> Decision:
    # The judge needs NumPy, and only looks do.
    from mlwright.delivery.evidence import gather
    from mlwright.delivery.judge import Progress, judge

    progress = Progress(
        stable=row.stable or 0,
        candidate=row.candidate,
        steps=tuple(msgspec.convert(row.steps, list[Step])),
        step=row.step,
        step_hours=(now - row.step_started_at).total_seconds() / 3600,
        hours=(now - row.started_at).total_seconds() / 3600,
    )
    return judge(gather(project, row, now), rules, progress)


def _carry_out(tx: Transaction, row: RolloutRow, found: LookRow) -> None:
    if found.decision == "advance":
        rows.move_rollout(tx, row.id, step=row.step + 1)
        declared = the_deployment(tx.connection, row.deployment)
        share(tx, declared, _arms(row, row.step + 1), reason=found.sentence, rollout_id=row.id)
        weight = row.steps[row.step + 1]["weight"]
        tx.emit("rollout.advanced", _subject(row), **_facts(row), weight=weight, sentence=found.sentence)
    elif found.decision == "promote":
        _promote(tx, row, found.sentence, found.numbers)
    elif found.decision != "continue":
        _end(tx, row, status=_STATUS[found.decision], sentence=found.sentence, numbers=found.numbers)


def _promote(tx: Transaction, row: RolloutRow, sentence: str, numbers: dict[str, Any]) -> None:
    declared = the_deployment(tx.connection, row.deployment)
    rows.move_rollout(tx, row.id, step=len(row.steps) - 1)
    rows.end_rollout(tx, row.id, status="promoted", verdict={"sentence": sentence, "numbers": numbers})
    share(tx, declared, [Arm(arm="stable", version=row.candidate, weight=1.0)], reason=sentence)
    move_alias(tx, declared.model, deployment_of(declared.spec).alias, row.candidate, reason=sentence)
    tx.emit("rollout.promoted", _subject(row), **_facts(row), stable=row.stable, sentence=sentence, numbers=numbers)


def _end(tx: Transaction, row: RolloutRow, *, status: str, sentence: str, numbers: dict[str, Any]) -> None:
    """End a rollout in favour of its stable version."""
    rows.end_rollout(tx, row.id, status=status, verdict={"sentence": sentence, "numbers": numbers})
    arms = [] if row.stable is None else [Arm(arm="stable", version=row.stable, weight=1.0)]
    share(tx, the_deployment(tx.connection, row.deployment), arms, reason=sentence)
    tx.emit(f"rollout.{status}", _subject(row), **_facts(row), stable=row.stable, sentence=sentence, numbers=numbers)


def _arms(row: RolloutRow, step: int) -> list[Arm]:
    weight = float(row.steps[step]["weight"])
    stable = Arm(arm="stable", version=row.stable or 0, weight=round(1 - weight, 12))
    return [stable, Arm(arm="candidate", version=row.candidate, weight=weight)]


def _subject(row: RolloutRow) -> str:
    return f"rollout/{row.id}"


def _facts(row: RolloutRow) -> dict[str, Any]:
    return {"deployment": row.deployment, "candidate": row.candidate}


def _found(row: RolloutRow | None, rollout_id: str) -> RolloutRow:
    if row is None:
        raise NotFound(f"rollout '{rollout_id}' does not exist.", fix="mlwright deployments rollouts lists them")
    return row
