"""A secret that a training was started with is nowhere afterwards: not in the ledger, a store, a journal, a log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from logged import run_named

from mlwright.core.settings import PROJECT_FILE
from mlwright.project import Project
from mlwright.server.main import background

SECRET = "hunter2-6f1c0d"
SCRIPT = """
import sys
from mlwright import start_run
with start_run(sys.argv[1]) as run:
    run.log_params(lr=0.1)
    run.log_text("notes.txt", "kept")
    raise RuntimeError(f"no answer from postgresql://ada:{sys.argv[-1]}@db/ml, token={sys.argv[-1]}")
"""


@pytest.fixture
def url(project: Project) -> Iterator[str]:
    with background(project) as found:
        yield found


@pytest.fixture
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose remote has a password in its URL."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / PROJECT_FILE).write_text('durability = "normal"\n')
    (folder / "train.py").write_text(SCRIPT)
    (folder / ".gitignore").write_text(".mlwright\n")
    git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    subprocess.run([*git, "remote", "add", "origin", f"https://ada:{SECRET}@example.com/x.git"], cwd=folder, check=True)
    (folder / "train.py").write_text(f"{SCRIPT}API_TOKEN = '{SECRET}'\n")
    return folder


def train(folder: Path, name: str, server: str) -> str:
    """Run the script with the secret wherever one may stand; return what it said."""
    secrets = {"API_TOKEN": SECRET, "DATABASE_URL": f"postgresql://ada:{SECRET}@db/ml", "PGPASSWORD": SECRET}
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLWRIGHT_", "GIT_"))}
    words = ["train.py", name, f"--password={SECRET}", "--db", f"postgresql://ada:{SECRET}@db/ml", "--token", SECRET]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**kept, **secrets, "MLWRIGHT_SERVER": server},
        capture_output=True,
        text=True,
        check=False,
    )
    # The traceback is Python's own, and shows the error as it was raised.
    before, _, _ = done.stderr.partition("Traceback")
    return done.stdout + before


def files_with_secret(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_no_secret_of_a_training_is_kept_or_said(
    project: Project, url: str, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with_password = url.replace("//", f"//somebody:{SECRET}@")
    assert SECRET not in train(repository, "shipped", with_password)
    row = run_named(project, "shipped")
    assert row.status == "failed"
    assert (row.source or {})["argv"][1:3] == ["--password=***", "--db"]
    assert files_with_secret(project.settings.home) == []
    assert files_with_secret(repository / ".mlwright") == []
    assert SECRET not in caplog.text
    answers = [
        httpx2.get(f"{url}/api/v1/runs/{row.id}").text,
        httpx2.get(f"{url}/api/v1/events").text,
        httpx2.get(f"{url}/api/2.0/mlflow/runs/get", params={"run_id": row.id}).text,
    ]
    assert [SECRET in answer for answer in answers] == [False, False, False]


def test_a_server_that_is_away_is_named_without_its_password(repository: Path) -> None:
    said = train(repository, "kept", f"http://ada:{SECRET}@127.0.0.1:9")
    assert "ada:***@127.0.0.1:9" in said
    assert SECRET not in said
    assert files_with_secret(repository / ".mlwright") == []
    told = subprocess.run(
        [sys.executable, "-m", "mlwright", "sync", "--server", f"http://ada:{SECRET}@127.0.0.1:9"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 75
    assert SECRET not in told.stdout + told.stderr


def test_the_secret_of_a_webhook_is_in_no_answer_and_not_in_the_ledger(
    project: Project, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    new = {"webhook": "ci", "url": "http://127.0.0.1:9/hook", "secret": SECRET}
    made = httpx2.post(f"{url}/api/v1/webhooks", json=new)
    assert made.json()["webhook"]["has_secret"] is True
    mlflow = {**new, "name": "ci2", "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]}
    answers = [
        made,
        httpx2.post(f"{url}/api/2.0/mlflow/webhooks", json=mlflow),
        httpx2.get(f"{url}/api/v1/webhooks"),
        httpx2.get(f"{url}/api/v1/webhooks/ci"),
        httpx2.post(f"{url}/api/v1/webhooks/ci", json={"secret": f"{SECRET}2"}),
        httpx2.post(f"{url}/api/v1/webhooks/ci/test", json={}),
        httpx2.get(f"{url}/api/v1/webhook-deliveries"),
        httpx2.get(f"{url}/api/v1/events"),
        httpx2.get(f"{url}/api/2.0/mlflow/webhooks"),
        httpx2.post(
            f"{url}/api/v1/webhooks", json={**new, "webhook": "ci3", "url": f"http://ada:{SECRET}@hooks.test/"}
        ),
    ]
    assert [answer.status_code for answer in answers] == [200] * 9 + [400]
    assert [answer.url.path for answer in answers if SECRET in answer.text] == []
    holding = files_with_secret(project.settings.home)
    assert {path.parent.name for path in holding} == {"webhooks"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holding)
    assert SECRET not in caplog.text
    assert SECRET not in json.dumps([answer.json() for answer in answers])
