"""What is captured with a run: code, environment, prints and the machine's load; and no secret among it."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from logged import artifacts, journal_files, only_run, run_named, values

from floors import floor_s
from mlwright import project as projects
from mlwright import start_run
from mlwright.project import Project
from mlwright.tracking import machine, output, recovery
from mlwright.tracking.destinations import LedgerDestination

SECRET = "hunter2secretvalue"


def run_script(folder: Path, text: str, *arguments: str | bytes, capture: str = "all") -> str:
    (folder / "train.py").write_text(text)
    environment = {**os.environ, "MLWRIGHT_CAPTURE": capture}
    command = [sys.executable, "train.py", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True, errors="replace"
    ).stdout


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


SCRIPT = """
from mlwright import log_metrics, start_run
with start_run("one"):
    log_metrics(x=1)
    print("a print — ü")
"""


def test_commit_branch_difference_and_environment_are_known_and_no_secret_is(
    project: Project, project_folder: Path
) -> None:
    git(project_folder, "init", "-q", "-b", "topic")
    (project_folder / "settings.py").write_text("RATE = 1\n")
    (project_folder / ".gitignore").write_text(".mlwright\n")
    git(project_folder, "add", "settings.py")
    git(project_folder, "commit", "-q", "-m", "first")
    changed = f"RATE = 2\nPASSWORD = '{SECRET}'\nURL = 'postgresql://ada:{SECRET}@db/ml'\n"
    (project_folder / "settings.py").write_text(changed)
    arguments = ["--lr", "0.1", "--password", SECRET, f"TOKEN={SECRET}", f"https://ada:{SECRET}@example.com/x"]
    run_script(project_folder, SCRIPT, *arguments)
    row = only_run(project)
    source = row.source or {}
    assert (source["entry"], source["branch"], source["dirty"]) == ("train.py", "topic", True)
    assert source["commit"] == git(project_folder, "rev-parse", "HEAD")
    assert source["argv"] == ["--lr", "0.1", "--password", "***", "TOKEN=***", "https://ada:***@example.com/x"]
    kept = artifacts(project, row.id)
    diff = kept["source/diff.patch"].decode()
    assert "+RATE = 2" in diff
    assert "+PASSWORD = ***" in diff
    assert project.store.read(source["diff_digest"]).decode() == diff
    assert row.environment_digest is not None
    assert "msgspec" in json.loads(project.store.read(row.environment_digest))["packages"]
    assert kept["output.log"].decode() == "a print — ü\n"
    project.ledger.close()
    for path in (project_folder / ".mlwright").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_without_a_repository_or_git_the_rest_is_captured(
    project: Project, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(project_folder))
    run_script(project_folder, SCRIPT, b"caf\xe9", "fine")
    row = only_run(project)
    assert (row.source or {})["argv"] == ["caf?", "fine"]
    assert "commit" not in (row.source or {})
    assert row.environment_digest is not None
    assert "source/diff.patch" not in artifacts(project, row.id)


def test_only_what_the_setting_names_is_captured(project: Project, project_folder: Path) -> None:
    run_script(project_folder, SCRIPT, "--x", capture="output")
    row = only_run(project)
    assert row.source == {"entry": "train.py"}
    assert row.environment_digest is None
    assert set(artifacts(project, row.id)) == {"output.log"}
    run_script(project_folder, SCRIPT.replace("one", "two"), capture="code,system")
    row = run_named(project, "two")
    assert "argv" in (row.source or {})
    assert artifacts(project, row.id) == {}


def test_what_differs_a_lot_is_cut_and_masked_in_time(
    project: Project, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(project_folder, "init", "-q")
    (project_folder / "data.txt").write_text("a\n")
    git(project_folder, "add", "data.txt")
    git(project_folder, "commit", "-q", "-m", "first")
    (project_folder / "data.txt").write_text("ab01" * (1 << 20))
    begun = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    run_script(project_folder, SCRIPT)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begun < 3000 * floor_s()
    diff = artifacts(project, only_run(project).id)["source/diff.patch"]
    assert diff.endswith(b"... the diff is longer than is kept\n")
    assert len(diff) < 2_200_000


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (f"no answer from postgresql://ada:{SECRET}@db/ml", "no answer from postgresql://ada:***@db/ml"),
        ("half \udcff and \x00", "half ? and ?"),
        ("", "RuntimeError"),
    ],
)
def test_the_error_that_a_run_failed_with_is_kept_without_secrets(project: Project, told: str, kept: str) -> None:
    with pytest.raises(RuntimeError), start_run("failing", project=project):
        raise RuntimeError(told)
    row = only_run(project)
    assert (row.status, row.error) == ("failed", {"type": "RuntimeError", "what": kept})


PRINTING = """
import logging, sys, threading
logging.basicConfig(stream=sys.stderr, format="%(message)s")
from mlwright import start_run
print("before")
with start_run("outer"):
    print("outer")
    with start_run("inner"):
        print("inner")
        logging.warning("logged")
        thread = threading.Thread(target=lambda: sys.stdout.writelines(["from ", "a thread\\n"]))
        thread.start()
        thread.join()
    print("outer again", file=sys.stderr)
print("after")
logging.warning("still logged")
"""


def test_what_is_printed_is_kept_with_the_runs_that_it_was_printed_in(project: Project, project_folder: Path) -> None:
    printed = run_script(project_folder, PRINTING, capture="output")
    assert printed == "before\nouter\ninner\nfrom a thread\nafter\n"
    inner = "inner\nlogged\n"
    assert artifacts(project, run_named(project, "inner").id)["output.log"].decode() == inner
    outer = artifacts(project, run_named(project, "outer").id)["output.log"].decode()
    # A thread that has no context of its own belongs to the outermost run.
    assert outer == f"outer\n{inner}from a thread\nouter again\n"
    assert journal_files(project) == []


def test_the_console_is_as_before_when_a_run_has_ended(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    projects.use(_capturing(project, monkeypatch, "output"))
    before = (sys.stdout, sys.stderr)
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger("some.library").addHandler(handler)
    try:
        with start_run() as run:
            assert sys.stdout is not before[0]
            assert handler.stream is sys.stderr
            print("seen", end="", flush=True)
            assert sys.stdout.isatty() in (True, False)
        assert (sys.stdout, sys.stderr, handler.stream) == (*before, before[1])
    finally:
        logging.getLogger("some.library").removeHandler(handler)
    assert artifacts(project, run.id)["output.log"] == b"seen"


def _capturing(project: Project, monkeypatch: pytest.MonkeyPatch, what: str) -> Project:
    import msgspec

    monkeypatch.setattr(project, "settings", msgspec.structs.replace(project.settings, capture=what))
    return project


def test_what_is_printed_is_kept_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MOST_BYTES", 10)
    kept = output.Output(tmp_path / "o")
    for text in ("12345", "67890", "more", "and more"):
        kept.write(text)
    kept.close()
    kept.write("after the end")
    assert kept.path.read_bytes() == b"1234567890\n... more was printed than is kept\n"


KILLED = """
import os, signal
from mlwright import log_metrics, start_run
with start_run("killed"):
    log_metrics(x=1)
    print("last words", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_script_had_printed_is_kept(project: Project, project_folder: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as died:
        run_script(project_folder, KILLED, capture="output")
    assert died.value.returncode == -signal.SIGKILL
    assert recovery.recover(LedgerDestination(project)).journals == 1
    row = only_run(project)
    assert row.status == "failed"
    assert artifacts(project, row.id)["output.log"] == b"last words\n"
    assert journal_files(project) == []


def test_a_run_that_is_gone_on_with_keeps_what_it_printed_before(project: Project, project_folder: Path) -> None:
    run_script(project_folder, SCRIPT, capture="output")
    again = SCRIPT.replace('"one"', '"one", resume=True').replace("a print", "another")
    run_script(project_folder, again, capture="output")
    kept = artifacts(project, only_run(project).id)
    assert kept.pop("output.log").decode() == "a print — ü\n"
    assert [(name[:7], text.decode()) for name, text in kept.items()] == [("output-", "another — ü\n")]


def proc(folder: Path, *, busy: int, idle: int, sectors: int, received: int) -> Path:
    (folder / "net").mkdir(exist_ok=True)
    (folder / "self").mkdir(exist_ok=True)
    (folder / "stat").write_text(f"cpu  {busy} 0 0 {idle} 0 0 0 0 5 5\ncpu0 1 1 1 1\n")
    disks = [f"8 0 sda 1 2 {sectors} 3 4 5 {2 * sectors} 0 0 0", "8 1 sda1 9 9 999999 9 9 9 999999 9 9 9"]
    (folder / "diskstats").write_text("\n".join(disks))
    head = "Inter-| Receive | Transmit\n face |bytes packets|bytes packets\n"
    (folder / "net" / "dev").write_text(f"{head}  lo: 9999999 {'9 ' * 15}\n eth0: {received} {'0 ' * 7}{received} 0\n")
    (folder / "meminfo").write_text("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\nHugePages_Total: 0\n")
    (folder / "self" / "statm").write_text("1000 256 3 4 5 6 7\n")
    return folder


def test_the_load_is_what_the_kernel_counted_since_the_last_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    moments = iter([0.0, 2.0, 3.0])
    monkeypatch.setattr(
        machine, "time", SimpleNamespace(monotonic=lambda: next(moments), process_time=time.process_time)
    )
    reader = machine.Reader(proc(tmp_path, busy=100, idle=100, sectors=0, received=0))
    found_at = proc(tmp_path, busy=130, idle=110, sectors=4096, received=1 << 20)
    assert found_at == tmp_path
    found = reader.read()
    assert found["cpu_percent"] == pytest.approx(75)
    assert (found["disk_read_mib_s"], found["disk_written_mib_s"]) == (1.0, 2.0)
    assert (found["network_received_mib_s"], found["network_sent_mib_s"]) == (0.5, 0.5)
    assert found["memory_percent"] == pytest.approx(75)
    assert found["process_memory_mib"] == 256 * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    assert 0 < found["disk_used_percent"] <= 100
    proc(tmp_path, busy=140, idle=105, sectors=0, received=0)
    again = reader.read()
    assert again["cpu_percent"] == 100.0
    assert again["disk_read_mib_s"] == 0.0


def test_what_the_kernel_does_not_tell_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert set(machine.Reader(tmp_path).read()) == {"process_cpu_s", "disk_used_percent"}


@pytest.mark.parametrize(
    ("name", "whole"),
    [("sda", True), ("sda1", False), ("nvme0n1", True), ("nvme0n1p2", False), ("mmcblk0", True), ("mmcblk0p1", False),
     ("loop0", False), ("dm-0", False), ("vda", True), ("sr0", False)],
)  # fmt: skip
def test_partitions_are_not_counted_beside_their_disk(name: str, whole: bool) -> None:
    assert machine._is_disk(name) is whole


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("7, 100, 16000, 55.5\n[N/A], 2, 16000, [Not Supported]\n",
         {"gpu0_percent": 7.0, "gpu0_memory_mib": 100.0, "gpu0_memory_total_mib": 16000.0, "gpu0_power_w": 55.5,
          "gpu1_memory_mib": 2.0, "gpu1_memory_total_mib": 16000.0}),
        ("No devices were found\n", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_gpus_are_told_by_nvidias_program(
    told: str, expected: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!{sys.executable}\nprint({told!r}, end='')\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.gpus() == expected
    reader = machine.Reader(tmp_path)
    assert {key: value for key, value in reader.read().items() if key.startswith("gpu")} == expected


def test_the_load_is_a_metric_of_the_run_and_ends_with_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "EVERY_S", 0.02)
    projects.use(_capturing(project, monkeypatch, "system"))
    with start_run() as run, start_run("inner") as inner:
        deadline = time.monotonic() + 60
        while run._next_step.get("system/process_cpu_s", 0) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    seen: list[Any] = values(project, run.id, "system/process_cpu_s")
    assert len(seen) >= 3
    assert values(project, inner.id, "system/process_cpu_s") == []
