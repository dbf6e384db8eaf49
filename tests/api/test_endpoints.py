"""The endpoint table: what each row must be, and what the endpoints answer."""

from __future__ import annotations

import inspect
import typing
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from filled import ALERT_ID, FAILED_RUN_ID, NASTY, ROLLOUT_ID, RUN_ID, START
from mlwright.api import openapi, wire
from mlwright.api.client import LocalClient
from mlwright.api.endpoint import PREFIX, Act, Endpoint
from mlwright.api.table import ENDPOINTS, find
from mlwright.errors import Conflict, InvalidInput, InvalidUsage, MlwrightError, NotFound

ROWS = pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: row.name)


def test_names_and_routes_are_unique() -> None:
    assert len({row.name for row in ENDPOINTS}) == len(ENDPOINTS)
    assert len({(row.method, row.path) for row in ENDPOINTS}) == len(ENDPOINTS)


@ROWS
def test_an_endpoint_that_changes_something_is_audited_and_knows_its_actor(row: Endpoint) -> None:
    changes = row.scope == "write"
    # A question that is too long for a URL is posted, too.
    assert row.method == "POST" or not changes
    assert bool(row.audit) == changes
    # A journal says itself who wrote it.
    assert issubclass(row.input, Act) == (changes and row.name != "journals.append")


@ROWS
def test_path_fields_are_text_fields_of_the_input(row: Endpoint) -> None:
    hints = typing.get_type_hints(row.input)
    assert all(hints[name] is str for name in row.path_fields)


@ROWS
def test_every_field_of_inputs_and_outputs_is_documented(row: Endpoint) -> None:
    assert row.summary.endswith(".")
    described = openapi._field_texts(row.input)
    assert set(described) == set(row.input.__struct_fields__)
    output = typing.get_origin(row.output) or row.output
    assert set(openapi._field_texts(output)) == set(output.__struct_fields__)


@ROWS
def test_the_function_takes_project_and_input(row: Endpoint) -> None:
    assert len(inspect.signature(row.function).parameters) == 2


@ROWS
def test_openapi_has_each_endpoint_with_its_fields_in_the_right_place(row: Endpoint) -> None:
    document = openapi.document(ENDPOINTS)
    operation = document["paths"][f"{PREFIX}{row.path}"][row.method.lower()]
    assert operation["operationId"] == row.name
    placed = {parameter["name"]: parameter["in"] for parameter in operation["parameters"]}
    in_body = set()
    if "requestBody" in operation:
        in_body = set(operation["requestBody"]["content"]["application/json"]["schema"]["properties"])
    assert set(placed) | in_body == set(row.input.__struct_fields__)
    assert {name for name, place in placed.items() if place == "path"} == set(row.path_fields)


def test_every_reference_in_openapi_leads_somewhere() -> None:
    document = openapi.document(ENDPOINTS)
    text = msgspec.json.encode(document).decode()
    wanted = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert wanted <= set(document["components"]["schemas"])
    assert set(document["components"]["schemas"]) <= wanted


def test_the_documentation_page_names_every_endpoint_and_runs_no_script() -> None:
    page = openapi.page(ENDPOINTS)
    assert all(f'id="{row.name}"' in page for row in ENDPOINTS)
    assert "<script" not in page


def test_an_unknown_endpoint_is_named_with_its_neighbour() -> None:
    with pytest.raises(NotFound, match=r"model\.list") as caught:
        find("model.list")
    assert caught.value.fix == "did you mean 'models.list'?"


def test_an_unknown_field_is_named_with_its_neighbour() -> None:
    with pytest.raises(InvalidUsage) as caught:
        find("runs.list").bind({"statsu": "failed"})
    assert caught.value.fix == "did you mean 'status'?"


@pytest.mark.parametrize("fields", [{"limit": 0}, {"limit": 1001}, {"limit": "many"}, {"status": 3}])
def test_a_field_of_another_type_or_size_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"runs\.list"):
        find("runs.list").bind(fields)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(InvalidInput):
        find("events.list").bind({"since": datetime(2013, 4, 1)})


def test_pages_of_runs_join_into_the_whole_list(local: LocalClient) -> None:
    first = local.call("runs.list", limit=1)
    second = local.call("runs.list", limit=1, cursor=first.next)
    assert [run.id for run in (*first.items, *second.items)] == [FAILED_RUN_ID, RUN_ID]
    assert second.next is None


def test_runs_are_filtered(local: LocalClient) -> None:
    assert [run.id for run in local.call("runs.list", status="failed").items] == [FAILED_RUN_ID]
    assert local.call("runs.list", experiment="none").items == []


@pytest.mark.parametrize("text", [RUN_ID, RUN_ID[-8:], RUN_ID[-4:]])
def test_a_run_is_found_by_the_end_of_its_id(local: LocalClient, text: str) -> None:
    detail = local.call("runs.show", run=text)
    assert detail.run.id == RUN_ID
    assert detail.params == {"lr": 0.1, "note": NASTY}
    assert detail.metrics == {"loss": 0.4, "broken": "nan"}
    assert [step.step for step in detail.steps] == ["fit"]
    assert [(made.step, made.name) for made in (*detail.outputs, *detail.artifacts)] == [
        ("fit", "result"),
        ("fit", "plot"),
    ]
    assert detail.versions == ["delay/1"]


def test_a_metric_is_listed_along_its_axis(local: LocalClient) -> None:
    points = local.call("runs.metric", run=RUN_ID, metric="loss").items
    assert [(point.step, point.value) for point in points] == [(0, 0.5), (1, 0.4)]
    with pytest.raises(NotFound, match="lost"):
        local.call("runs.metric", run=RUN_ID, metric="lost")


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_of_events_join_into_the_whole_list(local: LocalClient, newest_first: bool) -> None:
    whole = local.call("events.list", newest_first=newest_first).items
    found, cursor = [], None
    while True:
        page = local.call("events.list", newest_first=newest_first, limit=2, cursor=cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    assert found == whole
    assert [event.seq for event in whole] == sorted((event.seq for event in whole), reverse=newest_first)


def test_events_are_filtered_by_type_subject_and_time(local: LocalClient) -> None:
    def types(**fields: Any) -> list[str]:
        return [event.type for event in local.call("events.list", **fields).items]

    assert types(types=["run.failed"]) == ["run.failed"]
    assert types(subject="model/delay/") == ["model-version.registered", "model-version.registered", "gate.refused"]
    assert types(since=datetime(2014, 1, 1, tzinfo=UTC)) == []


def test_a_cursor_that_is_none_is_refused(local: LocalClient) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        local.call("events.list", cursor="x")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("models.show", {"model": "dealy"}),
        ("models.version", {"model": "delay", "version": "9"}),
        ("models.version", {"model": "delay", "version": "staging"}),
        ("models.aliases", {"model": "dealy"}),
        ("models.history", {"model": "dealy"}),
        ("models.at", {"at": START, "model": "dealy"}),
        ("models.environments", {"model": "dealy"}),
        ("models.plan", {"model": "delay", "version": "1", "environment": "prd"}),
        ("webhooks.show", {"webhook": "cii"}),
        ("approvals.approve", {"model": "delay", "version": "1", "environment": "prod"}),
        ("deployments.show", {"deployment": "dealy"}),
        ("deployments.traffic", {"deployment": "dealy"}),
        ("deployments.rollback", {"deployment": "dealy"}),
        ("rollouts.show", {"rollout": "nowhere1"}),
        ("monitors.show", {"monitor": "los"}),
        ("monitors.results", {"monitor": "los"}),
        ("alerts.show", {"alert": "nowhere1"}),
        ("systems.show", {"system": "flight"}),
        ("systems.firings", {"system": "flight"}),
        ("runs.show", {"run": "nowhere1"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_exist_is_named(local: LocalClient, name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(NotFound) as caught:
        local.call(name, **fields)
    assert str(next(reversed(fields.values()))) in caught.value.what
    assert caught.value.fix


def test_an_alias_is_set_with_its_actor_and_reason(local: LocalClient) -> None:
    local.project.clock.advance(datetime(2013, 4, 2, tzinfo=UTC))  # type: ignore[attr-defined]
    model = local.call("models.alias", model="delay", alias="prod", version=2, actor="user:eve", reason="better")
    assert model.aliases == {"prod": 2}
    newest, oldest = local.call("models.aliases", model="delay").items
    assert (newest.version, newest.actor, newest.reason) == (2, "user:eve", "better")
    assert (oldest.version, oldest.to_at) == (1, newest.from_at)
    assert [row.version for row in local.call("models.aliases", model="delay", at=START).items] == [1]


def test_the_project_acts_when_nobody_is_named(local: LocalClient) -> None:
    local.call("models.alias", model="delay", alias="canary", version=2)
    assert local.call("models.aliases", model="delay", alias="canary").items[0].actor == "user:test"


def test_a_running_rollout_is_aborted_and_only_once(local: LocalClient) -> None:
    found = local.call("deployments.abort", deployment="delay", reason="no")
    assert [(arm.version, arm.weight) for arm in found.arms] == [(1, 1.0)]
    assert local.call("rollouts.show", rollout=ROLLOUT_ID[-8:]).rollout.status == "aborted"
    with pytest.raises(Conflict, match="no running rollout"):
        local.call("deployments.abort", deployment="delay")


def test_alerts_can_be_restricted_to_open_ones(local: LocalClient) -> None:
    assert [alert.id for alert in local.call("alerts.list", only_open=True).items] == [ALERT_ID]
    assert local.call("alerts.list", deployment="other").items == []


def test_the_clock_of_a_project_without_replaying_server_stays(local: LocalClient) -> None:
    with pytest.raises(Conflict, match="can't be moved"):
        local.call("clock.advance", now=START)


def test_feedback_for_unknown_predictions_is_counted(local: LocalClient) -> None:
    counts = local.call("deployments.feedback", deployment="delay", labels={"a": 1.0, "b": 0.0})
    assert (counts.recorded, counts.unknown) == (0, 2)


def every_error() -> list[type[MlwrightError]]:
    found, queue = [], [MlwrightError]
    while queue:
        kind = queue.pop()
        found.append(kind)
        queue += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == "mlwright.errors"]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_an_error_travels_and_is_raised_as_the_same_class(kind: type[MlwrightError]) -> None:
    sent = kind(NASTY, why="why", fix="fix", number=3)
    received = wire.revive(wire.fault_of(sent))
    assert received is not None
    assert type(received).code == kind.code
    assert kind.__name__ in ("Permanent",) or type(received) is kind
    assert received.as_dict() == sent.as_dict()


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"error": 1}'])
def test_what_is_no_error_of_ours_is_not_taken_for_one(body: bytes) -> None:
    assert wire.revive(body) is None
