"""What a report says is what the ledger has, computed here once more and in another way."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np
import pytest
from small_loop import DAYS, NEW_FROM, ROWS, START, SmallLoop, day_of

from mlwright import registry, serving
from mlwright.errors import InvalidUsage, NotFound
from mlwright.ledger import inference
from mlwright.reports import LoopReport, collect
from mlwright.reports.values import VersionStory
from mlwright.serving import inference_log
from mlwright.serving import payload as packing


def losses(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    return np.where(label == 1, -np.log(score), -np.log(1 - score))


def labelled(loop: SmallLoop) -> serving.Predictions:
    found = serving.labelled(loop.project, "delay", START, START + timedelta(days=DAYS))
    return found.where(~np.isnan(found.label))


def story(report: LoopReport, version: int) -> VersionStory:
    return next(found for found in report.versions if found.version == version)


def test_every_row_and_request_is_counted_once(report: LoopReport) -> None:
    assert (report.volume.rows, report.volume.requests) == (DAYS * ROWS, DAYS * 2)
    assert report.volume.labelled == (DAYS - 1) * 47
    assert sum(day.rows for day in report.days) == sum(version.rows for version in report.versions) == DAYS * ROWS
    assert sum(week.losses.rows for week in report.weeks) == sum(month.losses.rows for month in report.months)


def test_the_served_loss_is_that_of_what_was_answered(played: SmallLoop, report: LoopReport) -> None:
    rows = labelled(played)
    assert report.losses.served == pytest.approx(losses(rows.label, rows.score).mean(), abs=1e-12)


def test_the_counterfactual_is_the_first_version_asked_with_every_logged_row(
    played: SmallLoop, report: LoopReport
) -> None:
    rows = labelled(played)
    first = registry.load_predictor(played.project, registry.get_version(played.project, "delay/1"))
    scores = first.predict(rows.features)["probability"]
    assert report.losses.baseline == pytest.approx(losses(rows.label, scores).mean(), abs=1e-12)
    assert report.losses.difference == pytest.approx(report.losses.served - report.losses.baseline, abs=1e-12)
    assert report.losses.rows == len(rows)


def test_the_loop_beats_the_first_version_after_the_world_has_turned(report: LoopReport) -> None:
    assert report.losses.high < 0
    assert any("So the loop was better by" in sentence for sentence in report.headline)


def test_there_is_no_difference_while_the_first_version_serves(report: LoopReport) -> None:
    april = report.months[0]
    assert april.losses.difference == april.losses.low == april.losses.high == 0.0


def test_the_whole_difference_is_the_mean_of_the_months_weighted_by_their_rows(report: LoopReport) -> None:
    parts = [(month.losses.difference, month.losses.rows) for month in report.months]
    mean = sum(difference * rows for difference, rows in parts) / sum(rows for _, rows in parts)
    assert report.losses.difference == pytest.approx(mean)


def test_the_base_rate_costs_the_entropy_of_the_share_of_ones(report: LoopReport) -> None:
    share = report.losses.positives / report.losses.rows
    assert report.losses.base_rate == pytest.approx(-share * np.log(share) - (1 - share) * np.log(1 - share))


def test_each_version_tells_what_became_of_it(report: LoopReport) -> None:
    fates = {version.version: version.fate for version in report.versions}
    assert fates == {1: "promoted", 2: "refused", 3: "promoted", 4: "serving", 5: "rolled-back"}
    assert story(report, 2).fate_sentence == "never deployed: refused by beats-champion"
    assert "failed for" in story(report, 5).fate_sentence
    assert story(report, 4).served_until is None
    assert story(report, 1).served_until == story(report, 3).served_from


def test_each_version_tells_why_it_was_trained(report: LoopReport) -> None:
    assert story(report, 2).cause.sentence == "trigger by-hand: fired by user:test"
    assert story(report, 2).arguments["shuffle_labels"] is True
    retrained = story(report, 3).cause
    assert retrained.source == "trigger/retrain"
    assert retrained.sentence.startswith("trigger retrain: alert of monitor loss opened on 2 May: 7 days to 2013-05-01")
    assert retrained.alert_id == report.alerts[0].id


def test_each_version_tells_what_it_was_trained_on_and_what_gates_said(report: LoopReport) -> None:
    found = story(report, 3)
    assert found.metrics == {"training_rows": 350.0}
    assert found.trained_until == START + timedelta(days=27)
    assert [gate.passed for gate in found.gates] == [True]
    assert found.gates[0].numbers["difference"] < 0


def test_rows_that_a_candidate_failed_for_were_answered_by_the_stable_version(report: LoopReport) -> None:
    strict = story(report, 5)
    assert report.volume.rescued_rows == strict.failed_rows > 0
    assert report.volume.failed_requests == 0
    assert any("unknown category 'HA'" in error for error in report.volume.errors)


def test_rollouts_tell_their_steps_and_their_end(report: LoopReport) -> None:
    ends = [(rollout.candidate, rollout.stable, rollout.status) for rollout in report.rollouts]
    assert ends == [(1, None, "promoted"), (3, 1, "promoted"), (4, 3, "promoted"), (5, 4, "rolled-back")]
    assert [step.weight for step in report.rollouts[1].steps] == [0.3, 0.6, 1.0]
    assert [step.weight for step in report.rollouts[3].steps] == [0.3]
    assert report.rollouts[1].looks > 3
    assert report.rollouts[3].sentence.startswith("rolled back: version 5 failed for")


def test_alerts_tell_what_they_led_to_and_refusals_in_a_row_are_one_line(report: LoopReport) -> None:
    first = report.alerts[0]
    assert first.led_to[0] == "2 May: trigger retrain fired; its run succeeded and made v3"
    assert first.led_to[1].startswith("4 May: trigger retrain held back 5 times until 7 May: cooling down")
    assert first.resolution == "version 3 serves now"


def test_firings_by_hand_are_told_too(report: LoopReport) -> None:
    ordered = [firing for firing in report.firings if firing.source == "trigger/by-hand"]
    assert [firing.versions for firing in ordered] == [[1], [2], [5]]


def test_monitors_tell_their_tolerance_and_intervals(report: LoopReport) -> None:
    drift, loss = report.monitors
    assert (drift.name, drift.tolerance, loss.name, loss.tolerance) == ("drift", 0.1, "loss", 0.05)
    told = [window for window in loss.measured if window.verdict == "degraded"]
    assert told
    assert all(window.low > 0.05 and window.low < window.value < window.high for window in told)


def test_the_calibration_covers_every_labelled_row(report: LoopReport) -> None:
    assert sum(found.rows for found in report.calibration) == report.losses.rows
    assert sum(found.rows for found in report.baseline_calibration) == report.losses.rows
    assert sum(found.rows * found.share for found in report.calibration) == pytest.approx(report.losses.positives)


def test_a_report_survives_json(report: LoopReport) -> None:
    assert msgspec.json.decode(msgspec.json.encode(report), type=LoopReport) == report


def test_a_period_restricts_rows_and_days(played: SmallLoop) -> None:
    since, until = START + timedelta(days=10), START + timedelta(days=20)
    found = collect(played.project, "delays", since=since, until=until)
    assert (len(found.days), found.volume.rows, found.volume.requests) == (10, 10 * ROWS, 20)
    assert found.losses.difference == 0.0
    assert [month.start.month for month in found.months] == [4]


def test_another_version_can_be_the_baseline(played: SmallLoop) -> None:
    found = collect(played.project, "delays", baseline_version=4)
    rows = labelled(played)
    fourth = registry.load_predictor(played.project, registry.get_version(played.project, "delay/4"))
    scores = fourth.predict(rows.features)["probability"]
    assert found.losses.baseline == pytest.approx(losses(rows.label, scores).mean(), abs=1e-12)


def test_rows_that_the_baseline_cannot_answer_are_left_out_and_noted(played: SmallLoop) -> None:
    # The strict version refuses the new carrier, so whole weeks of it have no counterfactual.
    found = collect(played.project, "delays", baseline_version=5)
    assert found.losses.rows < found.volume.labelled
    assert any("Version 5 gave no answer to" in note and "unknown category" in note for note in found.notes)
    before = [week for week in found.weeks if (week.end - START.date()).days <= NEW_FROM]
    assert all(week.losses.rows for week in before)


def test_a_baseline_that_does_not_exist_is_said_in_words(played: SmallLoop) -> None:
    found = collect(played.project, "delays", baseline_version=99)
    assert found.notes == ["There is no version 99 to compare with."]
    assert found.losses.served is not None
    assert found.losses.difference is None
    assert any("nothing to compare with" in sentence for sentence in found.headline)


def test_a_baseline_that_cannot_be_loaded_is_said_in_words(fresh: SmallLoop) -> None:
    fresh.begin()
    fresh.play(0)
    fresh.play(1)
    fresh.project.store.delete(registry.get_version(fresh.project, "delay/1").digest)
    found = collect(fresh.project, "delays")
    assert found.notes[0].startswith("Version 1 can't be loaded")
    assert found.losses.served is not None


def test_a_system_that_was_only_applied_has_nothing_to_tell(fresh: SmallLoop) -> None:
    found = collect(fresh.project, "delays")
    assert found.headline == ["Nothing was served: no version has been registered."]
    assert (found.since, found.days, found.versions, found.volume.rows) == (None, [], [], 0)


def test_a_system_that_serves_nobody_says_so(fresh: SmallLoop) -> None:
    fresh.begin()
    found = collect(fresh.project, "delays")
    assert found.headline[0] == "Nothing was served: no request has come."
    assert story(found, 1).fate == "serving"


def test_a_system_without_labels_says_so(fresh: SmallLoop) -> None:
    fresh.begin()
    fresh.play(0)
    found = collect(fresh.project, "delays")
    assert found.headline[0].startswith("No outcome is known yet")
    assert found.losses.served is None
    assert found.calibration == []


def test_few_days_get_no_interval(fresh: SmallLoop) -> None:
    fresh.begin()
    for number in range(3):
        fresh.play(number)
    found = collect(fresh.project, "delays")
    assert found.losses.days == 2
    assert (found.losses.low, found.losses.high) == (None, None)


def test_a_request_that_failed_is_counted_as_such_and_its_rows_are_not_served(fresh: SmallLoop) -> None:
    fresh.begin()
    fresh.play(0)
    with fresh.project.ledger.read() as connection:
        batch = next(inference.batches(connection, "delay", START, START + timedelta(days=1)))
    answered = packing.decode(batch.payload, batch.format)
    score = packing.floats(answered.score).copy()
    score[3:] = np.nan
    attempt = msgspec.structs.replace(answered, score=score.tobytes(), latency_s=0.5, error="stable delay/1: no memory")
    inference_log.append(fresh.project, "delay", "r-failed!1", batch.at, attempt)
    found = collect(fresh.project, "delays")
    assert (found.volume.failed_requests, found.volume.requests, found.volume.rows) == (1, 2, ROWS)
    assert found.volume.errors == {"stable delay/1: no memory": 1}
    assert any("1 request failed" in sentence for sentence in found.headline)


def test_outcomes_that_are_no_classes_are_left_out_and_noted(fresh: SmallLoop) -> None:
    fresh.begin()
    fresh.play(0)
    fresh.play(1)
    serving.record_labels(fresh.project, "delay", {day_of(1)["id"][0]: 0.5})
    found = collect(fresh.project, "delays")
    assert "1 outcome" in found.notes[-1]
    assert found.losses.rows == 47


def test_an_unknown_system_is_named_with_a_near_one(fresh: SmallLoop) -> None:
    with pytest.raises(NotFound, match="there is no system 'delay'") as raised:
        collect(fresh.project, "delay")
    assert raised.value.fix == "did you mean 'delays'?"


def test_days_are_those_of_the_time_zone(played: SmallLoop) -> None:
    # Requests come at 8 and 16 o'clock UTC: in Auckland, the second half of a day's rows belongs to the next day.
    found = collect(played.project, "delays", time_zone="Pacific/Auckland")
    assert [day.rows for day in found.days] == [ROWS // 2, *([ROWS] * (DAYS - 1)), ROWS // 2]
    assert found.since.isoformat() == "2013-04-01T21:00:00+13:00"
    assert found.alerts[0].opened_at.isoformat() == "2013-05-02T12:00:00+12:00"
    assert (found.losses.served, found.volume.rows) == pytest.approx(
        (collect(played.project, "delays").losses.served, 3000)
    )


def test_an_unknown_option_is_named_with_a_near_one(played: SmallLoop) -> None:
    with pytest.raises(InvalidUsage, match="collect knows no 'timezone'") as raised:
        collect(played.project, "delays", timezone="UTC")  # type: ignore[call-arg]
    assert raised.value.fix == "did you mean 'time_zone'?"


def test_an_unknown_time_zone_is_refused(played: SmallLoop) -> None:
    with pytest.raises(InvalidUsage, match="'Mars/Olympus' is no time zone"):
        collect(played.project, "delays", time_zone="Mars/Olympus")
