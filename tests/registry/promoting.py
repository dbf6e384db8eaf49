"""A project with roles, and a model whose versions have a metric: what the tests of promotions share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlwright import registry
from mlwright.core.clock import ReplayClock
from mlwright.core.settings import PROJECT_FILE
from mlwright.ledger import Ledger
from mlwright.ledger import registry as rows
from mlwright.project import Project
from mlwright.registry import Environment, MetricThreshold
from version_rows import version_row

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
GOOD = MetricThreshold(metric="auc", at_least=0.7)
ROLES = '[roles]\nreviewer = ["user:bob", "user:eve", "user:ada"]\nowner = ["user:carl", "user:eve"]\n'


def open_project(folder: Path, url: str, clock: ReplayClock | None = None) -> Project:
    (folder / PROJECT_FILE).write_text(f'durability = "normal"\nactor = "user:test"\n{ROLES}')
    return Project.open(folder, clock=clock or ReplayClock(START), ledger=url)


def add_version(project: Project, auc: float | None = 0.8, model: str = "churn", actor: str = "user:ada") -> int:
    return write_version(project.ledger, model, actor, auc=auc)


def write_version(ledger: Ledger, model: str, actor: str, *, auc: float | None = None) -> int:
    """Write the next version of a model, without files; return its number."""
    with ledger.write(actor) as tx:
        rows.claim_model(tx, model)
        number = rows.next_version(tx.connection, model)
        rows.add_version(tx, version_row(tx, model, number, metrics={"auc": auc}))
        return number


def declare(project: Project, **approvals: int) -> None:
    """Let prod ask for a good metric and for approvals."""
    prod = Environment(name="prod", gates=[GOOD], approvals=approvals)
    registry.declare_environments(project, "churn", [Environment(name="dev"), prod], actor="user:ada")
