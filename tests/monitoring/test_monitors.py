"""Monitors in the ledger: each window once, alerts that open and resolve when they should, bad input as a finding."""

from __future__ import annotations

import time
from datetime import timedelta

import msgspec
import pytest
from replayed import START, Traffic

from floors import floor_s
from mlwright import delivery, monitoring
from mlwright.core.clock import ReplayClock
from mlwright.errors import InvalidDefinition
from mlwright.ledger import monitoring as rows
from mlwright.ledger import outbox
from mlwright.monitoring import Monitor
from mlwright.project import Project

KINDS = ["input-drift", "score-drift", "calibration", "log-loss", "staleness"]


def declare(project: Project, *kinds: str, **options: object) -> None:
    with project.ledger.write("user:test") as tx:
        for kind in kinds or KINDS:
            monitoring.declare(tx, Monitor(kind, "flights", kind=kind, **options))  # type: ignore[arg-type]


def results(project: Project, monitor: str) -> list[rows.ResultRow]:
    with project.ledger.read() as connection:
        return rows.list_results(connection, monitor=monitor)[::-1]


def alerts(project: Project) -> list[rows.AlertRow]:
    with project.ledger.read() as connection:
        return rows.list_alerts(connection)[::-1]


def types(project: Project) -> list[str]:
    with project.ledger.read() as connection:
        found = outbox.read_events(connection)
    return [event.type for event in found if event.type.startswith("alert.")]


def test_healthy_traffic_is_measured_daily_and_opens_no_alert(project: Project, traffic: Traffic) -> None:
    traffic.deploy(1)
    declare(project, "input-drift", "score-drift", "calibration", "log-loss", tolerance=None)
    traffic.play(12)
    assert monitoring.evaluate_due(project) == []
    assert len(results(project, "input-drift")) == 6
    assert len(results(project, "log-loss")) == 5
    for kind in ("input-drift", "score-drift", "calibration", "log-loss"):
        assert {result.verdict for result in results(project, kind)} <= {"ok"}
    assert alerts(project) == []


def test_scores_that_no_longer_fit_open_alerts_of_log_loss_and_calibration(project: Project, traffic: Traffic) -> None:
    traffic.deploy(1)
    declare(project, "input-drift", "score-drift", "calibration", "log-loss")
    traffic.play(5)
    traffic.play(9, harm=1.2)
    said = monitoring.evaluate_due(project)
    assert {alert.monitor for alert in alerts(project)} == {"calibration", "log-loss"}
    assert len(said) == 2
    log_loss = results(project, "log-loss")[-1]
    assert log_loss.verdict == "degraded"
    assert log_loss.window_end == START + timedelta(days=13)
    assert log_loss.sentence.startswith("7 days to 2026-03-14: log loss 0.")
    assert "above what the scores promise (95% interval 0." in log_loss.sentence
    assert "tolerance 0.01)" in log_loss.sentence
    assert log_loss.numbers["label_coverage"] == pytest.approx(0.975, abs=0.02)
    assert "mean score lies" in results(project, "calibration")[-1].sentence


def test_inputs_that_moved_open_an_alert_that_names_the_column(project: Project, traffic: Traffic) -> None:
    traffic.deploy(1)
    declare(project, "input-drift", "score-drift")
    traffic.play(9, moved=1.5)
    monitoring.evaluate_due(project)
    assert {alert.monitor for alert in alerts(project)} == {"input-drift", "score-drift"}
    sentence = results(project, "input-drift")[-1].sentence
    assert "1 of 3 columns moved away from version 1's training data: wind (" in sentence
    assert "stability index" in results(project, "score-drift")[-1].sentence


def test_evaluating_again_changes_nothing(project: Project, traffic: Traffic) -> None:
    traffic.deploy(1)
    declare(project)
    traffic.play(10, harm=1.0)
    monitoring.evaluate_due(project)
    before = [results(project, kind) for kind in KINDS], alerts(project), types(project)
    assert monitoring.evaluate(project) == []
    assert ([results(project, kind) for kind in KINDS], alerts(project), types(project)) == before


def test_evaluating_late_gives_the_same_as_evaluating_in_time(
    project: Project, traffic: Traffic, clock: ReplayClock
) -> None:
    traffic.deploy(1)
    declare(project, "log-loss", "input-drift")
    in_time = []
    for _ in range(11):
        traffic.play(1, harm=0.5)
        in_time += [result for result, _ in monitoring.evaluate(project)]
    with project.ledger.write() as tx:
        monitoring.declare(tx, Monitor("late", "flights", kind="log-loss"))
    # As if the second monitor had been there from the start and nobody had asked it.
    with project.ledger.write() as tx:
        from mlwright.ledger.schema import monitors

        tx.execute(monitors.update().values(created_at=START))
    late = [result for result, _ in monitoring.evaluate(project)]
    assert [result.numbers for result in late] == [r.numbers for r in in_time if r.monitor == "log-loss"]


def test_an_alert_opens_after_bad_windows_in_a_row_continues_and_resolves(project: Project, traffic: Traffic) -> None:
    traffic.deploy(1)
    declare(project, "log-loss", window_days=3.0, min_rows=100)
    traffic.play(4)
    traffic.play(6, harm=1.5)
    traffic.play(7)
    monitoring.evaluate_due(project)
    found = types(project)
    assert found[0] == "alert.opened"
    assert found[-1] == "alert.resolved"
    assert set(found[1:-1]) == {"alert.continued"}
    (alert,) = alerts(project)
    assert alert.resolved_at is not None
    verdicts = [result.verdict for result in results(project, "log-loss")]
    assert verdicts.count("degraded") >= 3
    assert found.count("alert.continued") == verdicts.count("degraded") - 2


def test_one_bad_window_alone_opens_nothing(project: Project, traffic: Traffic) -> None:
    traffic.deploy(1)
    declare(project, "log-loss", open_after=50)
    traffic.play(12, harm=1.5)
    assert monitoring.evaluate_due(project) == []
    assert "degraded" in {result.verdict for result in results(project, "log-loss")}


def test_an_alert_is_resolved_when_another_version_serves_and_its_rows_are_not_judged_by_the_old(
    project: Project, traffic: Traffic
) -> None:
    traffic.deploy(1)
    declare(project, "log-loss")
    traffic.play(10, harm=1.5)
    monitoring.evaluate_due(project)
    traffic.deploy(2)
    traffic.play(2, version=2)
    said = monitoring.evaluate_due(project)
    assert said == ["alert of monitor log-loss resolved: version 2 serves now"]
    newest = results(project, "log-loss")[-1]
    assert (newest.version, newest.verdict) == (2, "too-few")
    traffic.play(6, version=2)
    monitoring.evaluate_due(project)
    assert results(project, "log-loss")[-1].verdict == "ok"
    assert types(project)[-1] == "alert.resolved"


def test_staleness_counts_the_labels_that_came_since_the_training(project: Project, traffic: Traffic) -> None:
    traffic.deploy(1)
    declare(project, "staleness", tolerance=0.5)
    traffic.play(12)
    monitoring.evaluate_due(project)
    found = results(project, "staleness")
    assert found[0].numbers["training_rows"] == 3000
    assert found[0].numbers["new_labels"] == pytest.approx(6 * 240 * 0.975, rel=0.02)
    assert [result.verdict for result in found] == ["ok"] + ["degraded"] * 5
    assert "came since version 1's training" in found[0].sentence


def test_nothing_is_evaluated_before_the_deployment_has_served_a_whole_window(
    project: Project, traffic: Traffic, clock: ReplayClock
) -> None:
    declare(project)
    clock.advance(START + timedelta(days=30))
    assert monitoring.evaluate(project) == []


def test_windows_without_traffic_labels_or_profile_are_too_few_and_say_so(
    project: Project, traffic: Traffic, clock: ReplayClock
) -> None:
    traffic.deploy(1, profiled=False)
    declare(project)
    clock.advance(START + timedelta(days=9))
    monitoring.evaluate(project)
    for kind in ("input-drift", "score-drift", "calibration", "log-loss"):
        assert {result.verdict for result in results(project, kind)} == {"too-few"}
    assert "without a reference profile" in results(project, "input-drift")[0].sentence
    assert "0 labelled rows answered by version 1" in results(project, "log-loss")[0].sentence


def test_a_crash_while_an_alert_opens_leaves_neither_result_nor_alert(
    project: Project, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlwright.monitoring import monitors

    traffic.deploy(1)
    declare(project, "log-loss", open_after=1)
    traffic.play(8, harm=1.5)

    def dies(*_given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(monitors, "answer", dies)
        with pytest.raises(KeyboardInterrupt):
            monitoring.evaluate_due(project)
    assert results(project, "log-loss") == []
    assert len(monitoring.evaluate_due(project)) == 1


def test_a_monitor_declared_again_is_silent_and_a_retired_one_rests(project: Project, traffic: Traffic) -> None:
    traffic.deploy(1)
    declare(project, "log-loss")
    declare(project, "log-loss")
    with project.ledger.read() as connection:
        events = [event.type for event in outbox.read_events(connection, types=["monitor.declared"])]
    assert len(events) == 1
    with project.ledger.write() as tx:
        monitoring.retire(tx, "log-loss")
        monitoring.retire(tx, "log-loss")
    traffic.play(10)
    assert monitoring.evaluate(project) == []
    declare(project, "log-loss")
    assert monitoring.evaluate(project) != []


def test_retiring_a_monitor_resolves_its_alert(project: Project, traffic: Traffic) -> None:
    traffic.deploy(1)
    declare(project, "log-loss")
    traffic.play(10, harm=1.5)
    monitoring.evaluate_due(project)
    with project.ledger.write() as tx:
        monitoring.retire(tx, "log-loss")
    assert types(project)[-1] == "alert.resolved"
    assert [alert.resolution for alert in alerts(project)] == ["the monitor was retired"]


def test_a_rolled_back_deployment_is_judged_by_the_version_that_serves(project: Project, traffic: Traffic) -> None:
    traffic.deploy(1)
    traffic.deploy(2)
    declare(project, "log-loss")
    traffic.play(9, version=2)
    delivery.rollback(project, "flights", reason="test")
    traffic.play(3, version=1)
    monitoring.evaluate(project)
    assert {result.version for result in results(project, "log-loss")} == {1, 2}


@pytest.mark.parametrize(
    "options",
    [{"kind": "log-los"}, {"window_days": 0}, {"tolerance": -1.0}, {"confidence": 2.0}, {"open_after": 0}],
)
def test_monitors_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidDefinition):
        Monitor("m", "flights", **{"kind": "log-loss", **options})  # type: ignore[arg-type]


def test_the_numbers_of_every_kind_are_plain_json(project: Project, traffic: Traffic) -> None:
    traffic.deploy(1)
    declare(project)
    traffic.play(9, harm=0.5, moved=0.5)
    for result, _ in monitoring.evaluate(project):
        assert msgspec.json.decode(msgspec.json.encode(result.numbers)) == result.numbers


def test_a_month_of_daily_windows_of_all_monitors_is_cheap(project: Project, clock: ReplayClock) -> None:
    traffic = Traffic(project, clock, rows=900)
    traffic.deploy(1)
    declare(project)
    traffic.play(37)
    started = time.process_time()
    assert len(monitoring.evaluate(project)) == 3 * 31 + 2 * 30
    print(f"{(time.process_time() - started) / 30 * 275:.1f} CPU seconds for 275 days of 5 monitors")
    assert time.process_time() - started < 2000 * floor_s()
