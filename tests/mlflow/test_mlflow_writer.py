"""Changes share commits, and keep their faults to themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mlwright.errors import InvalidInput, MlwrightError
from mlwright.ledger import Transaction, experiments
from mlwright.project import Project
from mlwright.server.mlflow.writer import MOST_AT_ONCE, Writer


def made(name: str) -> Any:
    """Return a change that makes an experiment, and then fails if its name says so."""

    def change(tx: Transaction) -> str:
        found = experiments.create(tx, name)
        if name.startswith("refused"):
            raise InvalidInput(name)
        if name.startswith("broken"):
            raise RuntimeError(name)
        return found.name

    return change


def all_of(project: Project, names: list[str]) -> list[Any]:
    """Hand in changes at the same moment; return what became of each."""

    async def work() -> list[Any]:
        return await asyncio.gather(*(writer.change(made(name)) for name in names), return_exceptions=True)

    writer = Writer(project)
    try:
        return asyncio.run(work())
    finally:
        writer.close()


def kept(project: Project) -> set[str]:
    """Return the names of all experiments."""
    with project.ledger.read() as connection:
        return {row.name for row in experiments.list_experiments(connection)}


def test_every_change_is_answered_and_kept(project: Project) -> None:
    names = [f"number {index}" for index in range(3 * MOST_AT_ONCE)]
    assert all_of(project, names) == names
    assert kept(project) == set(names)


def test_a_change_that_fails_undoes_only_itself(project: Project) -> None:
    outcomes = all_of(project, ["a", "refused b", "c", "broken d", "e"])
    assert outcomes[0::2] == ["a", "c", "e"]
    assert isinstance(outcomes[1], InvalidInput)
    assert isinstance(outcomes[3], MlwrightError | RuntimeError)
    assert kept(project) == {"a", "c", "e"}


def test_a_change_that_fails_alone_leaves_nothing(project: Project) -> None:
    (outcome,) = all_of(project, ["refused"])
    assert isinstance(outcome, InvalidInput)
    assert kept(project) == set()


def test_events_of_what_failed_are_not_told(project: Project) -> None:
    from mlwright.ledger import outbox

    all_of(project, ["a", "refused b", "c"])
    with project.ledger.read() as connection:
        told = outbox.read_events(connection, types=["experiment.created"])
    assert [event.data["name"] for event in told] == ["a", "c"]


def test_a_ledger_that_vanishes_is_told_to_everybody_who_waits(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlwright.errors import LedgerUnavailable

    def gone(_actor: str) -> Any:
        raise LedgerUnavailable("the ledger is out of reach.")

    monkeypatch.setattr(project.ledger, "write", gone)
    assert [type(outcome) for outcome in all_of(project, ["a", "b"])] == [LedgerUnavailable] * 2


def test_what_waits_when_the_writer_closes_is_still_made(project: Project) -> None:
    async def work() -> Any:
        waiting = [asyncio.ensure_future(writer.change(made(name))) for name in ("a", "b")]
        await asyncio.sleep(0)
        await asyncio.to_thread(writer.close)
        return await asyncio.gather(*waiting)

    writer = Writer(project)
    assert asyncio.run(work()) == ["a", "b"]
    assert kept(project) == {"a", "b"}
