"""The same call over HTTP and in this process: the same answer, the same error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from filled import ALERT_ID, FAILED_RUN_ID, NASTY, ROLLOUT_ID, RUN_ID, START, fill_sweep
from mlwright.api.client import LocalClient, RemoteClient
from mlwright.api.table import ENDPOINTS
from mlwright.errors import Conflict, InvalidInput, InvalidUsage, MlwrightError, NotFound, ServerUnavailable

#: One call of each endpoint that reads.
READS: dict[str, dict[str, Any]] = {
    "health.show": {},
    "runs.list": {"status": "succeeded", "limit": 1},
    "runs.show": {"run": RUN_ID[-8:]},
    "runs.search": {"where": "params.lr < 1 or metrics.loss > 0", "order_by": ["metrics.loss desc"]},
    "runs.compare": {"runs": [RUN_ID, FAILED_RUN_ID]},
    "runs.metric": {"run": RUN_ID, "metric": "loss"},
    "sweeps.list": {"experiment": "flights/tuning"},
    "sweeps.show": {"sweep": NASTY},
    "experiments.list": {"folder": "flights"},
    "experiments.show": {"name": "flights/tuning"},
    "experiments.search": {"where": "name LIKE 'flights/%'", "limit": 1},
    "models.list": {},
    "models.show": {"model": "delay"},
    "models.search": {"where": "name = 'delay'"},
    "versions.search": {"where": "model = 'delay' and version > 1"},
    "models.version": {"model": "delay", "version": "prod"},
    "models.aliases": {"model": "delay", "at": START},
    "models.history": {"model": "delay", "until": START},
    "models.at": {"model": "delay", "at": START},
    "models.environments": {"model": "delay"},
    "models.plan": {"model": "delay", "version": "2", "environment": "prod"},
    "models.card": {"model": "delay", "version": "1", "form": "html"},
    "models.lineage": {"model": "delay", "version": "prod"},
    "approvals.list": {"model": "delay"},
    "webhooks.list": {},
    "webhooks.show": {"webhook": "ci"},
    "webhooks.deliveries": {"webhook": "ci"},
    "gates.list": {"model": "delay", "version": 2},
    "deployments.list": {},
    "deployments.show": {"deployment": "delay"},
    "deployments.traffic": {"deployment": "delay", "since": START},
    "rollouts.list": {"deployment": "delay"},
    "rollouts.show": {"rollout": ROLLOUT_ID},
    "monitors.list": {"deployment": "delay"},
    "monitors.show": {"monitor": "loss"},
    "monitors.results": {"monitor": "loss", "until": datetime(2013, 4, 9, tzinfo=UTC), "limit": 5},
    "alerts.list": {"only_open": True},
    "alerts.show": {"alert": ALERT_ID},
    "events.list": {"types": ["run.failed", "gate.refused"], "newest_first": True, "limit": 10},
    "systems.list": {},
    "systems.show": {"system": "flights"},
    "systems.firings": {"system": "flights"},
    "clock.show": {},
    "journals.resumable": {"run": RUN_ID},
    "blobs.missing": {"digests": ["sha256:" + "0" * 64]},
}


def test_every_endpoint_that_reads_is_compared() -> None:
    assert set(READS) == {row.name for row in ENDPOINTS if row.scope == "read"}


def test_remote_and_embedded_answers_are_equal(local: LocalClient, remote: RemoteClient) -> None:
    fill_sweep(local.project)
    for name, fields in READS.items():
        assert remote.call(name, **fields) == local.call(name, **fields), name


def test_remote_and_embedded_errors_are_equal(local: LocalClient, remote: RemoteClient) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("models.show", {"model": "dealy"}),
        ("models.version", {"model": "delay", "version": "9"}),
        ("deployments.rollback", {"deployment": NASTY}),
        ("events.list", {"cursor": "x"}),
        ("models.alias", {"model": "delay", "alias": "latest", "version": 1}),
        ("runs.show", {"run": "zz"}),
    ]
    for name, fields in calls:
        errors = []
        for client in (local, remote):
            with pytest.raises(MlwrightError) as caught:
                client.call(name, **fields)
            errors.append(caught.value)
        assert type(errors[0]) is type(errors[1]), name
        assert errors[0].as_dict() == errors[1].as_dict()


def test_a_name_that_needs_escaping_arrives_whole(remote: RemoteClient) -> None:
    with pytest.raises(NotFound) as caught:
        remote.call("models.show", model="a/b ?#%é")
    assert "a/b ?#%é" in caught.value.what


def test_who_acts_travels(remote: RemoteClient) -> None:
    remote.call("models.alias", model="delay", alias="far", version=1)
    remote.call("models.alias", model="delay", alias="near", version=1, actor="user:near")
    actors = {row.alias: row.actor for row in remote.call("models.aliases", model="delay").items}
    assert (actors["far"], actors["near"]) == ("user:far", "user:near")


def test_a_server_that_is_not_there_is_a_named_error() -> None:
    with (
        RemoteClient("http://127.0.0.1:9") as client,
        pytest.raises(ServerUnavailable, match=r"127\.0\.0\.1:9") as caught,
    ):
        client.call("runs.list")
    assert "mlwright up" in str(caught.value.fix)


def test_a_server_of_something_else_is_a_named_error(url: str) -> None:
    with RemoteClient(f"{url}/nothing") as client, pytest.raises(MlwrightError):
        client.call("runs.list")


@pytest.mark.parametrize(
    ("path", "body", "kind", "family"),
    [
        ("models/delay/aliases/prod", b"{}", "application/json", InvalidInput),
        ("models/delay/aliases/prod", b'{"version": "1"}', "application/json", InvalidInput),
        ("models/delay/aliases/prod", b'{"version": 1, "model": "x"}', "application/json", InvalidUsage),
        ("models/delay/aliases/prod", b'{"version": 1, "extra": 1}', "application/json", InvalidUsage),
        ("models/delay/aliases/prod", b'{"version": 1', "application/json", InvalidInput),
        ("models/delay/aliases/prod", b"[1]", "application/json", InvalidInput),
        ("models/delay/aliases/prod", b"\xff\xfe", "application/json", InvalidInput),
        ("models/delay/aliases/prod", b'{"version": 1}', "text/plain", InvalidUsage),
        ("clock", b'{"now": "2013-04-01"}', "application/json", InvalidInput),
        ("deployments/delay/feedback", b'{"labels": {"a": "yes"}}', "application/json", InvalidInput),
    ],
)
def test_a_wrong_body_is_answered_with_400(
    url: str, path: str, body: bytes, kind: str, family: type[MlwrightError]
) -> None:
    response = httpx2.post(f"{url}/api/v1/{path}", content=body, headers={"content-type": kind})
    assert response.status_code == 400
    assert response.json()["code"] == family.code


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "statsu=failed", "cursor=1&limit=-1"])
def test_a_wrong_query_is_answered_with_400(url: str, query: str) -> None:
    assert httpx2.get(f"{url}/api/v1/runs?{query}").status_code == 400


def test_conflict_is_409_over_http(remote: RemoteClient) -> None:
    remote.call("deployments.abort", deployment="delay")
    with pytest.raises(Conflict):
        remote.call("deployments.abort", deployment="delay")
