"""Webhooks: signed, at least once, with pauses and a limit, inspectable and replayable."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from promoting import add_version, open_project
from receiving import Receiver, receiver

from mlwright import errors, registry
from mlwright.ledger import outbox
from mlwright.ledger import webhooks as rows
from mlwright.project import Project
from mlwright.registry import posting, webhooks
from mlwright.registry.webhooks import NewWebhook


@pytest.fixture
def project(project_folder: Path, ledger_url: str) -> Iterator[Project]:
    with open_project(project_folder, ledger_url) as opened:
        yield opened


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The machine's clock as webhooks see it, to be moved by hand."""
    from mlwright.core.clock import wall_now

    held = [wall_now()]
    monkeypatch.setattr(posting, "wall_now", lambda: held[0])
    monkeypatch.setattr(webhooks, "wall_now", lambda: held[0])
    return held


def listen(project: Project, hook: Receiver, *events: str, dialect: str = "") -> str:
    new = NewWebhook(name="ci", url=hook.url, events=events or ("*",), secret="s3cret", dialect=dialect)
    return webhooks.new_webhook(project, new)[0].id


def states(project: Project) -> list[tuple[str, int]]:
    return [(row.state, row.attempts) for row, _ in reversed(webhooks.deliveries(project, "ci"))]


def test_what_happens_from_now_on_arrives_signed_and_once(project: Project, hook: Receiver) -> None:
    add_version(project)
    registry.promote(project, "churn/1", "staging")
    listen(project, hook, "environment.*")
    registry.promote(project, "churn/1", "prod", reason="ready")
    assert posting.post_due(project) == 1
    assert posting.post_due(project) == 0
    ((headers, body),) = hook.got
    event = json.loads(body)
    assert (event["type"], event["subject"]) == ("mlwright.environment.assigned.v1", "model/churn/1")
    assert event["data"]["environment"] == "prod"
    signed = f"{headers['mlwright-timestamp']}.".encode() + body
    assert headers["mlwright-signature"] == "v1=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["mlwright-event"] == "environment.assigned"
    assert states(project) == [("delivered", 1)]


def test_a_receiver_that_is_away_gets_it_later_under_the_same_id(
    project: Project, hook: Receiver, now: list[datetime]
) -> None:
    listen(project, hook, "model.*")
    registry.declare_environments(project, "churn", [registry.Environment(name="prod")])
    hook.answers = [503, 500]
    posting.post_due(project)
    # What else waits for the same receiver rests with it.
    assert states(project) == [("waiting", 1), ("waiting", 0)]
    assert posting.post_due(project) == 0
    now[0] += timedelta(seconds=6)
    posting.post_due(project)
    now[0] += timedelta(seconds=9)
    assert posting.post_due(project) == 0
    now[0] += timedelta(seconds=2)
    posting.post_due(project)
    assert states(project) == [("delivered", 3), ("delivered", 1)]
    first = [headers["mlwright-delivery"] for headers, _ in hook.got[:3]]
    assert len(set(first)) == 1


def test_after_the_limit_it_is_given_up_and_can_be_replayed(
    project: Project, hook: Receiver, now: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "MOST_ATTEMPTS", 3)
    listen(project, hook, "alias.*")
    add_version(project)
    registry.set_alias(project, "churn", "best", 1, actor="user:ada", reason="")
    hook.answers = [500] * 3
    for _ in range(5):
        posting.post_due(project)
        now[0] += timedelta(hours=2)
    assert states(project) == [("given-up", 3)]
    assert len(webhooks.replay(project, "ci")) == 1
    posting.post_due(project)
    assert states(project) == [("given-up", 3), ("delivered", 1)]
    with pytest.raises(errors.NotFound, match="no one delivery"):
        webhooks.replay(project, "ci", delivery="zzzz")


def test_redirects_are_not_followed_and_a_receiver_that_is_gone_is_given_up_at_once(
    project: Project, hook: Receiver
) -> None:
    listen(project, hook, "alias.*")
    add_version(project)
    registry.set_alias(project, "churn", "best", 1, actor="user:ada", reason="")
    hook.answers = [302]
    posting.post_due(project)
    row, event = webhooks.deliveries(project, "ci")[0]
    assert (row.state, row.status, row.error) == ("waiting", 302, "HTTP 302: redirects are not followed")
    assert event is not None
    assert len(hook.got) == 1
    hook.answers = [410]
    assert posting.try_webhook(project, "ci", actor=None).state == "given-up"


def test_a_receiver_that_nobody_listens_for_holds_up_no_other(project: Project, hook: Receiver) -> None:
    listen(project, hook, "alias.*")
    webhooks.new_webhook(project, NewWebhook(name="dead", url="http://127.0.0.1:9/"))
    add_version(project)
    registry.set_alias(project, "churn", "best", 1, actor="user:ada", reason="")
    posting.post_due(project)
    assert [headers["mlwright-event"] for headers, _ in hook.got] == ["alias.set"]
    row, _ = webhooks.deliveries(project, "dead")[-1]
    assert (row.state, row.status) == ("waiting", None)
    assert row.error


def test_an_answer_that_never_ends_is_cut_off_and_its_body_is_not_read(
    project: Project, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "MOST_S", 0.5)
    listen(project, hook, "alias.*")
    written = [0]
    ended = threading.Event()

    def drips(write: Callable[[bytes], object]) -> None:
        write(b"HTTP/1.1 200 OK\r\n")
        while not ended.wait(0.05):
            write(b"x-more: 1\r\n")

    def floods(write: Callable[[bytes], object]) -> None:
        write(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
        for _ in range(1024):
            write(b"x" * 2**20)
            written[0] += 1

    hook.raw = drips
    posted = posting.try_webhook(project, "ci", actor=None)
    ended.set()
    assert (posted.state, posted.status) == ("given-up", None)
    assert posted.error
    monkeypatch.setattr(posting, "MOST_S", 120.0)
    hook.raw = floods
    assert posting.try_webhook(project, "ci", actor=None).state == "delivered"
    assert written[0] < 64


def test_a_post_that_was_not_noted_is_made_again(
    project: Project, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(project, hook, "alias.*")
    add_version(project)
    registry.set_alias(project, "churn", "best", 1, actor="user:ada", reason="")
    with monkeypatch.context() as broken:
        broken.setattr(rows, "tried", lambda *_: (_ for _ in ()).throw(errors.LedgerUnavailable("away")))
        with pytest.raises(errors.LedgerUnavailable):
            posting.post_due(project)
    posting.post_due(project)
    assert len(hook.got) == 2
    assert hook.got[0][0]["mlwright-delivery"] == hook.got[1][0]["mlwright-delivery"]


def test_a_secret_is_a_file_of_its_owner_and_nowhere_else(project: Project, hook: Receiver) -> None:
    id_ = listen(project, hook)
    path = webhooks.secret_path(project, id_)
    assert path.read_text() == "s3cret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    webhooks.change_webhook(project, "ci", {"secret": "another", "events": ["run.*"], "active": False})
    assert (path.read_text(), webhooks.get_webhook(project, "ci").events) == ("another", ["run.*"])
    with project.ledger.read() as connection:
        told = [event.as_cloudevent("") for event in outbox.read_events(connection)]
    assert "s3cret" not in json.dumps(told)
    assert "another" not in json.dumps(told)
    path.unlink()
    assert "secret is not on this machine" in posting.try_webhook(project, "ci", actor=None).error
    webhooks.remove_webhook(project, "ci")
    with pytest.raises(errors.NotFound):
        webhooks.get_webhook(project, "ci")


def test_an_inactive_webhook_gets_nothing_of_what_happened_meanwhile(project: Project, hook: Receiver) -> None:
    listen(project, hook, "alias.*")
    add_version(project)
    webhooks.change_webhook(project, "ci", {"active": False})
    registry.set_alias(project, "churn", "quiet", 1, actor="user:ada", reason="")
    posting.post_due(project)
    webhooks.change_webhook(project, "ci", {"active": True})
    registry.set_alias(project, "churn", "loud", 1, actor="user:ada", reason="")
    posting.post_due(project)
    assert [json.loads(body)["data"]["alias"] for _, body in hook.got] == ["loud"]


def test_the_dialect_of_mlflow_sends_its_events_bodies_and_signatures(project: Project, hook: Receiver) -> None:
    add_version(project)
    listen(project, hook, "model_version_alias.*", "model_version_tag.set", dialect="mlflow")
    registry.set_tag(project, "churn/1", "k", "v")
    registry.delete_tag(project, "churn/1", "k")
    registry.set_alias(project, "churn", "best", 1, actor="user:ada", reason="")
    posting.post_due(project)
    told: list[Any] = [json.loads(body) for _, body in hook.got]
    assert [(one["entity"], one["action"], one["data"]) for one in told] == [
        ("model_version_tag", "set", {"name": "churn", "version": "1", "key": "k", "value": "v"}),
        ("model_version_alias", "created", {"name": "churn", "alias": "best", "version": "1"}),
    ]
    headers, body = hook.got[0]
    signed = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(b"s3cret", signed, hashlib.sha256).digest()).decode()
    assert headers["x-mlflow-signature"] == f"v1,{wanted}"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "can't be the name"),
        ({"url": "ftp://x.test/"}, "can't be delivered to"),
        ({"url": "http://user:pw@x.test/"}, "can't be delivered to"),
        ({"url": "http://[/"}, "can't be delivered to"),
        ({"events": []}, "wants no events"),
        ({"events": ["a b"]}, "no pattern"),
        ({"dialect": "xml"}, "no dialect 'xml'"),
    ],
)
def test_a_wrong_webhook_is_refused_by_name(project: Project, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.InvalidDefinition, match=said):
        webhooks.new_webhook(project, NewWebhook(**({"name": "ci", "url": "http://127.0.0.1:9/"} | wrong)))


def test_a_name_is_given_once(project: Project, hook: Receiver) -> None:
    listen(project, hook)
    with pytest.raises(errors.AlreadyExists):
        listen(project, hook)
