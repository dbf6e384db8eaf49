"""The table of commands: what `mlwright --help` shows and what is loaded when one is asked for."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """One command.

    Attributes:
        name: What users type.
        target: `package.module:object`, loaded when it is needed.
        summary: One sentence.
        group: Heading in the help; empty hides it.
    """

    name: str
    target: str
    summary: str
    group: str


COMMANDS = (
    Command("run", "mlwright.cli.run:run", "Run a pipeline, or go on with one that was interrupted.", "Build"),
    Command("runs", "mlwright.cli.runs:app", "Runs: what was run and how it went.", "Build"),
    Command(
        "experiments", "mlwright.cli.experiments:app", "Experiments: folders of runs, and what they hand down.", "Build"
    ),
    Command("sweeps", "mlwright.cli.sweeps:app", "Sweeps: look for good parameters, and see what was found.", "Build"),
    Command("sweep", "mlwright.cli.sweeps:one", "The same as sweeps, as in `mlwright sweep run`.", ""),
    Command(
        "models", "mlwright.cli.models:app", "Models: versions, environments, approvals and their history.", "Build"
    ),
    Command("plan", "mlwright.cli.systems:plan", "Show what applying a system would change.", "Operate"),
    Command("apply", "mlwright.cli.systems:apply", "Make the ledger agree with a declared system.", "Operate"),
    Command("up", "mlwright.cli.up:up", "Serve API, gateway, controllers and page in one process.", "Operate"),
    Command("deployments", "mlwright.cli.deployments:app", "Deployments: who answers, and how to go back.", "Operate"),
    Command("monitors", "mlwright.cli.monitors:app", "Monitors: what is watched and how it stands.", "Operate"),
    Command("alerts", "mlwright.cli.alerts:app", "Alerts: what needs attention.", "Operate"),
    Command("events", "mlwright.cli.events:app", "Events: everything that happened, in order.", "Operate"),
    Command("webhooks", "mlwright.cli.webhooks:app", "Webhooks: who is told of which events.", "Operate"),
    Command("demo", "mlwright.cli.demo:demo", "Watch a whole system train, serve, drift and retrain.", "House"),
    Command(
        "doctor", "mlwright.cli.doctor:doctor", "Check this machine and project, with a fix for each fault.", "House"
    ),
    Command("gc", "mlwright.cli.gc:gc", "Empty the bin; remove artifacts that nothing refers to any more.", "House"),
    Command("integrations", "mlwright.cli.integrations:integrations", "List adapters and what they need.", "House"),
    Command("sync", "mlwright.cli.sync:sync", "Ship what runs logged and could not be shipped yet.", "House"),
    Command(
        "import", "mlwright.cli.migration:importing", "Bring over what is new at an MLflow server or store.", "Move"
    ),
    Command("export", "mlwright.cli.migration:exporting", "Take what is new here to an MLflow server.", "Move"),
    Command("completion", "mlwright.cli.completion:completion", "Print shell completion.", "House"),
)

_HEAD = """Usage: mlwright COMMAND [ARGUMENTS] [OPTIONS]

The whole ML lifecycle: pipelines, tracking, registry, delivery, serving, monitoring, retraining.
"""
_TAIL = """
Options:
  --json         Print data (and errors) as JSON.
  --server URL   Talk to a running server instead of this folder's ledger (or set MLWRIGHT_SERVER).
  --home DIR     Where ledger and artifacts are (or set MLWRIGHT_HOME).
  --debug        Show the traceback of an error.
  --help, -h     Show this, or the help of a command.
  --version      Show the version.

Start with: mlwright demo --fast
"""


def names() -> list[str]:
    """Return the names of all commands."""
    return [command.name for command in COMMANDS]


def overview() -> str:
    """Return the text of `mlwright --help`, made without loading any command."""
    lines = [_HEAD]
    width = max(len(command.name) for command in COMMANDS)
    for group in dict.fromkeys(command.group for command in COMMANDS if command.group):
        lines.append(f"{group}:")
        lines += [f"  {row.name:<{width}}   {row.summary}" for row in COMMANDS if row.group == group]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n" + _TAIL
