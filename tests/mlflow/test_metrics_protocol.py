"""Metrics over HTTP: points, histories, pages, several runs at once."""

from __future__ import annotations

from mlflow_api import ON_BOTH, PREFIX, Speaker


@ON_BOTH
def test_numbers_that_are_none_travel_as_text_and_as_literals(api: Speaker) -> None:
    run_id = api.run()
    for step, value in enumerate(("NaN", "Infinity", "-Infinity")):
        given = {"run_id": run_id, "key": "text", "value": value, "timestamp": 1, "step": step}
        api.ok("runs/log-metric", given)
        literal = f'{{"run_id": "{run_id}", "key": "literal", "value": {value}, "timestamp": 1, "step": {step}}}'
        reply = api.send("POST", f"{PREFIX}/runs/log-metric", literal.encode(), kind="application/json")
        assert reply.status == 200
    for key in ("text", "literal"):
        found = api.get("metrics/get-history", run_id=run_id, metric_key=key).json()["metrics"]
        assert [point["value"] for point in found] == ["NaN", "Infinity", "-Infinity"]
    assert {metric["key"]: metric["value"] for metric in api.shown(run_id)["data"]["metrics"]} == {
        "text": "-Infinity",
        "literal": "-Infinity",
    }


def test_a_metric_is_shown_by_its_last_step(api: Speaker) -> None:
    run_id = api.run()
    for step, value in ((5, 0.5), (9, 0.9), (1, 0.1)):
        api.ok("runs/log-metric", {"run_id": run_id, "key": "k", "value": value, "timestamp": 7, "step": step})
    (metric,) = api.shown(run_id)["data"]["metrics"]
    assert metric == {"key": "k", "value": 0.9, "timestamp": 7, "step": 9}


@ON_BOTH
def test_a_history_is_given_in_pages(api: Speaker) -> None:
    run_id = api.run()
    metrics = [{"key": "k", "value": n / 7, "timestamp": 1000 + n // 3, "step": n} for n in range(25)]
    api.ok("runs/log-batch", {"run_id": run_id, "metrics": metrics})
    whole = api.get("metrics/get-history", run_id=run_id, metric_key="k").json()
    assert whole["metrics"] == metrics
    assert "next_page_token" not in whole
    found, token = [], None
    for size in (1, 4, 10, 10):
        more = {"page_token": token} if token else {}
        page = api.get("metrics/get-history", run_id=run_id, metric_key="k", max_results=size, **more).json()
        found += page["metrics"]
        token = page.get("next_page_token")
    assert found == metrics
    assert token is None


def test_a_point_that_is_sent_again_is_shown_once(api: Speaker) -> None:
    run_id = api.run()
    for value in ("NaN", 0.5):
        for _ in range(3):
            api.ok("runs/log-metric", {"run_id": run_id, "key": "k", "value": value, "timestamp": 7, "step": 1})
    found = api.get("metrics/get-history", run_id=run_id, metric_key="k").json()["metrics"]
    assert [point["value"] for point in found] == ["NaN", 0.5]


@ON_BOTH
def test_histories_of_several_runs_are_given_at_once(api: Speaker) -> None:
    ids = [api.run(), api.run()]
    for index, run_id in enumerate(ids):
        metrics = [{"key": "k", "value": float(index), "timestamp": 1, "step": step} for step in range(10)]
        api.ok("runs/log-batch", {"run_id": run_id, "metrics": metrics})
    bulk = api.get("metrics/get-history-bulk", run_id=ids, metric_key="k").json()["metrics"]
    assert [point["run_id"] for point in bulk] == [ids[0]] * 10 + [ids[1]] * 10
    assert len(api.get("metrics/get-history-bulk", run_id=ids, metric_key="k", max_results=12).json()["metrics"]) == 12
    query = {"run_ids": ids, "metric_key": "k", "start_step": 2, "end_step": 4}
    interval = api.get("metrics/get-history-bulk-interval", **query).json()["metrics"]
    assert [(point["run_id"], point["step"]) for point in interval] == [(id_, s) for id_ in ids for s in (2, 3, 4)]
    for limit, steps in ((1, [9]), (2, [0, 9]), (4, [0, 3, 6, 9])):
        few = api.get("metrics/get-history-bulk-interval", run_ids=ids[:1], metric_key="k", max_results=limit).json()
        assert [point["step"] for point in few["metrics"]] == steps
    half = api.get("metrics/get-history-bulk-interval", run_ids=ids, metric_key="k", start_step=2)
    assert half.error == "INVALID_PARAMETER_VALUE"


def test_moments_that_no_calendar_has_are_refused(api: Speaker) -> None:
    run_id = api.run()
    for timestamp in (-1, 2**62, 253_402_300_800_000):
        given = {"key": "k", "value": 1, "timestamp": timestamp}
        assert api.post("runs/log-metric", {"run_id": run_id, **given}).error == "INVALID_PARAMETER_VALUE"
        batch = api.post("runs/log-batch", {"run_id": run_id, "metrics": [given]})
        assert batch.error == "INVALID_PARAMETER_VALUE"
    api.ok("runs/log-metric", {"run_id": run_id, "key": "k", "value": 1, "timestamp": 253_402_300_799_999})


def test_a_curve_is_thinned_to_the_points_that_mlflow_picks(api: Speaker) -> None:
    run_id = api.run()
    metrics = [{"key": "k", "value": 1, "timestamp": 1, "step": step} for step in range(10)]
    api.ok("runs/log-batch", {"run_id": run_id, "metrics": metrics})

    def steps(**given: object) -> list[int]:
        query = {"run_ids": [run_id], "metric_key": "k", **given}
        found = api.get("metrics/get-history-bulk-interval", **query).json()["metrics"]
        return [point["step"] for point in found]

    assert steps(max_results=5) == [0, 2, 4, 6, 9]
    assert steps(max_results=3, start_step=2, end_step=7) == [2, 4, 7]
    assert steps(max_results=4) == [0, 3, 6, 9]
    assert steps(max_results=1) == [9]


def test_many_points_of_one_step_are_thinned_to_exactly_as_many_as_were_asked_for(api: Speaker) -> None:
    run_id = api.run()
    for start in range(0, 5000, 1000):
        points = [{"key": "k", "value": n, "timestamp": 1000 + n} for n in range(start, start + 1000)]
        api.ok("runs/log-batch", {"run_id": run_id, "metrics": points})
    query = {"run_ids": [run_id], "metric_key": "k", "max_results": 100}
    found = api.get("metrics/get-history-bulk-interval", **query).json()["metrics"]
    assert (len(found), found[0]["value"], found[-1]["value"]) == (100, 0, 4999)
