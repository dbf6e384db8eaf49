"""Each listing: as a table, as JSON of a fixed shape, embedded and against a server."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from commanding import Command

from filled import ALERT_ID, NASTY, RUN_ID
from mlwright.api.alerts import Alert
from mlwright.api.client import LocalClient
from mlwright.api.deployments import Deployment
from mlwright.api.model_history import Change
from mlwright.api.models import Model
from mlwright.api.monitors import MonitorState
from mlwright.api.promotions import Environment
from mlwright.api.search import FoundRun
from mlwright.api.webhooks import Delivery, Webhook
from mlwright.cli import output
from mlwright.core.events import Event
from mlwright.project import Project
from mlwright.server.main import background

#: Words of each listing, the type of its items, and something that its table must show.
LISTINGS: list[tuple[list[str], Any, str]] = [
    (["runs"], FoundRun, RUN_ID[-8:]),
    (["runs", "ls", "--status", "failed"], FoundRun, "failed"),
    (["models"], Model, "prod=1"),
    (["models", "history", "delay"], Change, "first"),
    (["models", "environments", "delay"], Environment, "staging"),
    (["deployments"], Deployment, "v1 90%, v2 10%"),
    (["monitors"], MonitorState, "log-loss"),
    (["alerts"], Alert, "critical"),
    (["events"], Event, "gate.refused"),
    (["webhooks"], Webhook, "model-version.*"),
    (["webhooks", "deliveries", "ci"], Delivery, "waiting"),
    (["events", "--type", "run.failed", "--limit", "3"], Event, "2013-04-01 00:00:00Z"),
]
SHOWN: list[tuple[list[str], str]] = [
    (["runs", "show", RUN_ID[-8:]], "delay/1"),
    (["runs", "show", "@latest"], "ValueError: no"),
    (["models", "show", "delay"], "beats-champion"),
    (["models", "show", "delay/2"], "delay/2"),
    (["models", "show", "delay@prod"], "delay/1"),
    (["models", "show", "delay@latest"], "delay/2"),
    (["models", "history", "delay", "--at", "2013-04-02"], "prod=1"),
    (["deployments", "show", "delay"], "rollout begins"),
    (["webhooks", "show", "ci"], "CloudEvents"),
    (["monitors", "show", "loss"], "2013-04-09"),
    (["alerts", "show", ALERT_ID[-8:]], "excess=0.1"),
]


@pytest.fixture(params=["embedded", "server"])
def way(request: pytest.FixtureRequest, filled: Project) -> Iterator[list[str]]:
    """The words that choose the way to the ledger."""
    if request.param == "embedded":
        yield []
    else:
        with background(filled) as url:
            yield ["--server", url]


def test_each_listing_prints_tables_and_json_of_its_type(command: Command, way: list[str]) -> None:
    for words, kind, shown in LISTINGS:
        table = command(*words, *way)
        assert (table.code, table.talk) == (0, ""), words
        assert shown in table.out, words
        data = command(*words, *way, "--json").data
        assert data["version"] == 1
        items = msgspec.convert(data["items"], list[kind])
        assert len(items) == len(table.out.splitlines()) - 1


def test_each_thing_is_shown_as_text_and_json(command: Command, way: list[str]) -> None:
    for words, shown in SHOWN:
        text = command(*words, *way)
        assert (text.code, text.talk) == (0, ""), words
        assert shown in text.out, words
        data = command(*words, *way, "--json").data
        assert data["version"] == 1
        assert isinstance(data["item"], dict)


def test_an_empty_listing_says_how_to_fill_it(command: Command, project: Project) -> None:
    assert "mlwright run" in command("runs").talk
    assert "register_model" in command("models").talk
    assert command("runs", "--json").data == {"version": 1, "items": []}


def test_a_cursor_is_printed_when_there_is_more(command: Command, filled: Project) -> None:
    assert command("runs", "--limit", "1", "--json").data["next"]


def test_a_shortened_id_that_fits_nothing_is_not_found(command: Command, filled: Project) -> None:
    for words in (["runs", "show", "zzzzzzzz"], ["alerts", "show", "zzzzzzzz"], ["models", "show", "delay@dev"]):
        assert command(*words).code == 4


def test_an_alias_is_set_and_its_past_can_be_asked(command: Command, filled: Project) -> None:
    assert command("models", "alias", "delay", "prod", "2", "--reason", "better").code == 0
    data = command("models", "history", "delay", "--at", "2013-04-01", "--json").data
    assert data["item"]["aliases"] == {"prod": 1}
    assert command("models", "alias", "delay", "prod", "7").code == 4


def test_a_rollout_is_aborted_once(command: Command, filled: Project, local: LocalClient) -> None:
    ended = command("deployments", "abort", "delay", "--reason", "no")
    assert ended.code == 0
    assert "v1 100%" in ended.talk
    assert command("deployments", "abort", "delay").code == 9


def test_what_is_done_to_a_replayed_ledger_carries_the_replays_time(command: Command, filled: Project) -> None:
    with filled.ledger.write() as tx:
        from mlwright.ledger import meta

        meta.put(tx, "clock", "2013-05-06T07:08:09+00:00")
    command("models", "alias", "delay", "later", "2")
    assert "2013-05-06 07:08:09Z" in command("models", "history", "delay", "--key", "later").out


def test_colours_are_for_terminals_without_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert output.is_coloured(Terminal())
    assert not output.is_coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not output.is_coloured(Terminal())


def test_a_table_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    output.print_table([["a", NASTY], ["b", "short"]], ["ID", "WHAT"])
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 40
    assert lines[1].endswith("…")


def test_terminal_codes_in_data_are_not_sent_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table([["a\x1b[31m", "b\nc\x07"]], ["A", "B"])
    output.print_fields([("x", "y\x1b]0;title\x07")])
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "\x07" not in text


def test_doctor_tells_settings_ledger_and_port(command: Command, project: Project) -> None:
    data = command("doctor", "--json").data
    found = {item["name"]: item for item in data["items"]}
    assert found["setting actor"]["found"].startswith("user:test (from /")
    assert "schema revision" in found["ledger"]["found"]
    assert {"python", "disk", "port", "artifacts"} <= set(found)
    assert {item["state"] for item in data["items"]} <= {"ok", "warning", "failed"}


def test_doctor_fails_on_a_broken_ledger_and_says_how_to_mend_it(command: Command, project: Project) -> None:
    project.close()
    (project.settings.home / "ledger.db").write_bytes(
        b"not a database at all, but long enough to be taken for one" * 40
    )
    ended = command("doctor")
    assert ended.code == 1
    assert "backup" in ended.out


def test_integrations_lists_adapters_without_importing_them(command: Command) -> None:
    data = command("integrations", "--json").data
    assert {"port": "executor", "name": "process"}.items() <= {
        key: item[key] for item in data["items"] if item["name"] == "process" for key in ("port", "name")
    }.items()
    assert command("integrations").out.splitlines()[0].split() == ["PORT", "NAME", "STATE", "ABOUT"]


def test_shared_options_may_stand_before_the_command(command: Command, filled: Project) -> None:
    home = str(filled.settings.home)
    for before in (["--json", "--home", home], [f"--home={home}", "--json"]):
        assert command(*before, "runs").out == command("runs", "--json").out
