"""Labels that come late, twice, corrected, or for nothing that was ever predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from messages import START, request

from mlwright import errors
from mlwright.core.clock import ReplayClock
from mlwright.project import Project
from mlwright.registry import ModelVersion
from mlwright.serving import Gateway, labelled, record_labels, scan

DAY = timedelta(days=1)


@pytest.fixture
def project(project_folder: Path, clock: ReplayClock, ledger_url: str) -> Iterator[Project]:
    """The same tests on SQLite and on PostgreSQL."""
    with Project.open(project_folder, clock=clock, ledger=ledger_url) as opened:
        yield opened


@pytest.fixture
def predicted(register: Callable[..., ModelVersion], send_to: Callable[..., None], gateway: Gateway) -> None:
    """Rows a and b on the first day, c and d on the second."""
    register()
    send_to(stable=(1, 1.0))
    for day, units in enumerate((["a", "b"], ["c", "d"])):
        at = (START + day * DAY).isoformat()
        gateway.infer("live", request([0.0, 1.0], units, id=f"day-{day}", parameters={"event_time": at}))


def known(project: Project, **options: Any) -> dict[str, float]:
    rows = labelled(project, "live", START, START + 9 * DAY, **options)
    pairs = zip(rows.prediction_id.tolist(), rows.label.tolist(), strict=True)
    return {id_: label for id_, label in pairs if not math.isnan(label)}


def report(project: Project, labels: dict[str, float], day: int = 2) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.structs.asdict(record_labels(project, "live", labels, START + day * DAY))
    return {name: value for name, value in found.items() if value}


def test_labels_join_their_predictions_and_the_others_stay_unknown(project: Project, predicted: None) -> None:
    assert report(project, {"a": 1, "d": 0}) == {"recorded": 2}
    rows = labelled(project, "live", START, START + 9 * DAY)
    assert rows.prediction_id.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(rows.label, [1.0, np.nan, np.nan, 0.0])
    assert rows.features["x"].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert len(labelled(project, "live", START + DAY, START + 2 * DAY)) == 2


def test_the_same_label_again_changes_nothing(project: Project, predicted: None) -> None:
    report(project, {"a": 1})
    assert report(project, {"a": 1, "b": 0}) == {"recorded": 1, "repeated": 1}
    assert known(project) == {"a": 1.0, "b": 0.0}


def test_another_value_corrects_the_label(project: Project, predicted: None) -> None:
    report(project, {"a": 1, "b": 1})
    assert report(project, {"a": 0, "b": 1}, day=5) == {"corrected": 1, "repeated": 1}
    assert known(project) == {"a": 0.0, "b": 1.0}
    # It stays known since the first report.
    assert known(project, known_by=START + 3 * DAY) == {"a": 0.0, "b": 1.0}


def test_a_label_for_an_unknown_prediction_is_counted_named_and_not_kept(project: Project, predicted: None) -> None:
    assert report(project, {"a": 1, "zz": 1}) == {"recorded": 1, "unknown": 1, "unknown_ids": ["zz"]}
    assert report(project, {"zz": 1}) == {"unknown": 1, "unknown_ids": ["zz"]}
    assert record_labels(project, "other", {"a": 1}, START).unknown == 1


def test_what_was_known_at_a_moment_can_be_asked_later(project: Project, predicted: None) -> None:
    report(project, {"a": 1}, day=2)
    report(project, {"b": 1}, day=4)
    assert known(project, known_by=START + 3 * DAY) == {"a": 1.0}
    assert known(project, known_by=START + 4 * DAY) == {"a": 1.0, "b": 1.0}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "late", None])
def test_a_label_that_is_no_number_refuses_the_whole_call(project: Project, predicted: None, value: Any) -> None:
    with pytest.raises(errors.InvalidInput, match="prediction 'b'"):
        record_labels(project, "live", {"a": 1, "b": value})
    assert known(project) == {}


def test_a_thousand_labels_in_one_call_and_none_in_another(
    project: Project, register: Callable[..., ModelVersion], send_to: Callable[..., None], gateway: Gateway
) -> None:
    register()
    send_to(stable=(1, 1.0))
    units = [f"u{number}" for number in range(1500)]
    gateway.infer("live", request([0.0] * 1500, units))
    assert record_labels(project, "live", dict.fromkeys(units, 1.0)).recorded == 1500
    assert record_labels(project, "live", dict.fromkeys(units, 0.0)).corrected == 1500
    assert record_labels(project, "live", {}).recorded == 0


def test_a_prediction_id_of_its_own_wins_over_the_routing_key(
    project: Project, register: Callable[..., ModelVersion], send_to: Callable[..., None], gateway: Gateway
) -> None:
    register()
    send_to(stable=(1, 1.0))
    body = msgspec.json.decode(request([0.0], ["customer-7"]))
    body["inputs"].append({"name": "prediction_id", "datatype": "BYTES", "shape": [1], "data": ["order-9"]})
    gateway.infer("live", msgspec.json.encode(body))
    assert record_labels(project, "live", {"customer-7": 1.0}).unknown == 1
    assert record_labels(project, "live", {"order-9": 1.0}).recorded == 1


def test_a_scan_takes_only_the_features_that_are_asked_for(project: Project, predicted: None) -> None:
    everything = (project, "live", START, START + 9 * DAY)
    assert set(scan(*everything).features) == {"x", "gap", "count", "home", "carrier"}
    assert list(scan(*everything, features=["x", "nothing"]).features) == ["x"]
    assert scan(*everything, features=False).features == {}
    assert len(scan(project, "live", START - DAY, START)) == 0


def test_rows_can_be_picked_by_a_mask(project: Project, predicted: None) -> None:
    rows = scan(project, "live", START, START + 9 * DAY)
    picked = rows.where(rows.prediction_id == "c")
    assert (len(picked), picked.features["x"].tolist(), picked.score.tolist()) == (1, [0.0], [0.1])
    assert repr(rows) == "Predictions(4 rows, 5 features, 0 labels)"
