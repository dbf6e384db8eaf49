"""The sections of a report's page, each from the report alone; one that has nothing to tell is empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from mlwright.core.ids import short
from mlwright.core.scales import month_label, number_label
from mlwright.reports import plots
from mlwright.reports.markup import Html, fields, join, moment, table, tag, text
from mlwright.reports.values import (
    AlertStory,
    FiringStory,
    LoopReport,
    Losses,
    MonitorStory,
    RolloutStory,
    VersionStory,
)
from mlwright.reports.words import counted, long_day, percent, signed

_WIDE, _NARROW = 1032, 360
_FATES = {
    "serving": "is-good",
    "promoted": "is-good",
    "rolling-out": "is-soft",
    "not-deployed": "is-soft",
    "inconclusive": "is-warn",
}
_LEGEND_FATES = (("good", "promoted"), ("bad", "rolled back"), ("warn", "inconclusive"))


def opening(report: LoopReport) -> list[Html]:
    """Return the head of the page: what it is about, and the most important sentences."""
    period = "nothing served yet"
    if report.days:
        period = f"{long_day(report.days[0].day)} to {long_day(report.days[-1].day)} ({report.time_zone})"
    about = f"Model {report.model}, deployment {report.deployment}; {period}."
    # The first two sentences belong together: both losses, and what their difference means.
    lead = " ".join(report.headline[:2]) or "There is nothing to tell yet."
    return [
        tag("p", text("Report of the loop"), class_="kicker"),
        tag("h1", text(report.system)),
        tag("p", text(about), class_="about"),
        tag("p", text(lead), class_="lead"),
        *(tag("p", text(sentence)) for sentence in report.headline[2:]),
        *(tag("p", text(note), class_="note") for note in report.notes),
    ]


def worth(report: LoopReport) -> Html:
    """Return the numbers, the plot of losses, the months and the calibration."""
    if not report.volume.rows:
        return Html("")
    parts = [_cards(report)]
    if report.losses.rows:
        parts += [_loss_figure(report), _months(report), _calibration_figure(report)]
    return join(parts)


def traffic(report: LoopReport) -> Html:
    """Return the plots of who answered, and how much there was to answer."""
    if not report.volume.rows:
        return Html("")
    share = _figure(
        report,
        "Traffic by version",
        plots.traffic,
        "each column is a day, its colours the shares of that day's rows that the versions answered. A thin wedge that "
        "grows into a band is a rollout that was promoted; one that ends is a candidate that was taken back.",
    )
    rows = _figure(
        report,
        f"Rows and {report.outcome} outcomes",
        plots.volume,
        "bars are the rows of a day, pale where the outcome isn't known (yet, or for ever). The line below is what the "
        "model tries to foresee; days on which it jumps are hard for any version.",
    )
    return join([share, rows])


def alerts(report: LoopReport) -> Html:
    """Return the monitors' plots and the alerts on a time line."""
    parts: list[Html] = []
    main = _main_monitor(report)
    if main is not None:
        parts.append(_monitor_figure(report, main))
    if report.alerts:
        told = [_alert(alert) for alert in report.alerts]
        parts += [tag("h3", text("Alerts")), tag("ol", *told, class_="timeline")]
    elif report.monitors:
        parts.append(tag("p", text("No monitor raised an alert.")))
    for monitor in report.monitors:
        if monitor is not main and any(window.value is not None for window in monitor.measured):
            parts.append(_monitor_figure(report, monitor, with_lanes=False))
    return join(parts)


def versions(report: LoopReport) -> Html:
    """Return every version: a table to compare them, and the story of each."""
    if not report.versions:
        return Html("")
    headings = ["Version", "Registered", "Became", "#Rows answered", "#Log loss"]
    headings += [f"#Version {report.baseline_version} there", "#Difference"]
    rows = [
        [
            join([_swatch(plots.version_css(version.version)), text(f"v{version.version}")]),
            moment(version.registered_at),
            _badge(version.fate),
            text(f"{version.rows:,}"),
            *_loss_cells(version.losses),
        ]
        for version in report.versions
    ]
    caption = (
        f"What each version answered. 'Version {report.baseline_version} there' is its log loss on the very same rows; "
        "versions served in different weeks can't be compared with each other by these numbers."
    )
    stories = [_version(version) for version in report.versions]
    return join([table("versions-table", headings, rows, caption=caption), tag("div", *stories, class_="stories")])


def rollouts(report: LoopReport) -> Html:
    """Return every rollout with its steps and its end."""
    if not report.rollouts:
        return Html("")
    return tag("div", *(_rollout(rollout) for rollout in report.rollouts), class_="stories")


def firings(report: LoopReport) -> Html:
    """Return every decision of triggers and schedules."""
    if not report.firings:
        return Html("")
    rows = [
        [
            moment(firing.at),
            tag("span", text(firing.source.replace("/", " ")), class_="nowrap"),
            text(f"{firing.decision.replace('-', ' ')}{_often(firing)}"),
            text(firing.reason),
            text(", ".join(f"v{version}" for version in firing.versions) or (firing.outcome or "–")),
        ]
        for firing in report.firings
    ]
    headings = ["When", "Who", "Decision", "Reason", "Made"]
    return table("firings-table", headings, rows, caption="Every decision of triggers and schedules.")


def closing(report: LoopReport) -> list[Html]:
    """Return how the numbers were made."""
    baseline, confidence = report.baseline_version, report.losses.confidence
    how = (
        "Log loss is the mean of the negative natural logarithm of the probability given to what came true; smaller "
        f"is better. What version {baseline} would have answered is no estimate: its own model was asked with the "
        "features that were logged for each row, and both are compared on the same labelled rows. Intervals "
        f"({confidence:.0%}) draw whole days with replacement, because the rows of a day share their luck. "
        f"All times are those of {report.time_zone} and, in a replay, of the replayed events."
    )
    made = f"Made from the ledger as of {report.as_of:%Y-%m-%d %H:%M}; report format {report.format}."
    return [tag("p", text(how)), tag("p", text(made))]


def _cards(report: LoopReport) -> Html:
    volume, losses, baseline = report.volume, report.losses, report.baseline_version
    rescued = f"{counted(volume.rescued_rows, 'row')} of a failing candidate answered by the stable version"
    cards = []
    if losses.served is not None:
        rows = f"on {counted(losses.rows, 'labelled row')}"
        cards += [_card("Log loss of what was served", f"{losses.served:.4f}", rows)]
    if losses.difference is not None:
        ends = f"{losses.confidence:.0%} interval {signed(losses.low)} to {signed(losses.high)}"
        css = _tone(losses)
        cards += [
            _card(f"Had version {baseline} served", number_label(losses.baseline or 0.0, 4), "on the very same rows"),
            _card("Difference a row", signed(losses.difference), ends if losses.low is not None else "", css),
        ]
    failures = "is-bad" if volume.failed_requests else "is-good"
    latency = f"half within {_ms(volume.latency_median_s)}, 99% within {_ms(volume.latency_p99_s)}"
    cards += [
        _card("Rows answered", f"{volume.rows:,}", f"in {counted(volume.requests, 'request')}, {latency}"),
        _card("Requests that failed", f"{volume.failed_requests:,}", rescued, failures),
        _card("Outcomes known", percent(volume.labelled / volume.rows), counted(volume.labelled, "row")),
    ]
    return tag("dl", *cards, class_="cards")


def _card(name: str, value: str, detail: str, css: str = "") -> Html:
    shown = [tag("dd", text(value), class_=f"value {css}".strip())]
    if detail:
        shown.append(tag("dd", text(detail), class_="detail"))
    return tag("div", tag("dt", text(name)), *shown)


def _loss_figure(report: LoopReport) -> Html:
    baseline = report.baseline_version
    how = (
        "each point is a week; lower is better. The dashed line is the best constant answer, known only afterwards: "
        "the distance below it is what a model knows. Upright lines are promotions. The bars below are the difference "
        f"that the loop made: green below zero where it beat version {baseline}, red above zero where it lost."
    )
    legend = [(plots.SERVED, "served"), (plots.version_css(baseline), f"version {baseline} all the time")]
    return _figure(report, "Log loss by week", plots.losses, how, [*legend, ("soft", "base rate")])


def _calibration_figure(report: LoopReport) -> Html:
    baseline = report.baseline_version
    how = (
        "rows that got about the same answer are one point: at the right is what was answered, upwards how often it "
        "came true. On the dashed line answers can be taken at their word; below it they promised too much. The "
        "whiskers are 95% intervals, and the bars below tell how many rows there were."
    )
    legend = [(plots.SERVED, "served"), (plots.version_css(baseline), f"version {baseline} on the same rows")]
    return _figure(report, "Calibration", plots.calibration, how, legend, css="beside")


def _monitor_figure(report: LoopReport, monitor: MonitorStory, *, with_lanes: bool = True) -> Html:
    verdicts = Counter(window.verdict for window in monitor.measured)
    told = ", ".join(f"{count} {verdict.replace('-', ' ')}" for verdict, count in verdicts.most_common())
    how = f"each point is a window that ended then ({told})."
    if monitor.tolerance is not None:
        how += " Dots are windows that count as degraded: surely beyond the tolerance."
    if any(window.low is not None for window in monitor.measured):
        how += " The pale band is the interval around each point."
    how += " Shaded is the time of its alerts."
    sides = "±" if len(plots.limits_of(monitor)) > 1 else ""
    legend = [] if monitor.tolerance is None else [("bad thinly", f"tolerance {sides}{monitor.tolerance:g}")]
    if with_lanes:
        how += (
            " Below, on the same axis: alerts of all monitors, versions that were trained (a cross: refused by a gate) "
            "and rollouts, coloured by their end."
        )
        legend += _LEGEND_FATES

    def draw(report: LoopReport, width: float) -> str:
        return plots.monitor(report, monitor, width, with_lanes=with_lanes)

    return _figure(report, f"Monitor {monitor.name}", draw, how, legend)


def _months(report: LoopReport) -> Html:
    headings = ["Month", "#Rows", "#Outcomes", f"#{report.outcome.capitalize()}", "#Served"]
    headings += [f"#Version {report.baseline_version}", "#Difference", "#95% interval"]
    rows = [
        [text(month_label(month.start)), text(f"{month.rows:,}"), *_period_cells(month.losses)]
        for month in report.months
    ]
    foot = [text("All"), text(f"{report.volume.rows:,}"), *_period_cells(report.losses)]
    caption = (
        "Log loss month by month. Below zero the loop was better; an interval on both sides of zero may be luck. "
        "Outcomes are the rows that are compared."
    )
    return table("months-table", headings, rows, caption=caption, foot=foot)


def _period_cells(losses: Losses) -> list[Html]:
    return [
        text(f"{losses.rows:,}"),
        text(percent(losses.positive_share)),
        *_loss_cells(losses),
        text(f"{signed(losses.low)} to {signed(losses.high)}" if losses.low is not None else "–"),
    ]


def _loss_cells(losses: Losses) -> list[Html]:
    served, baseline = (text("–" if value is None else f"{value:.4f}") for value in (losses.served, losses.baseline))
    return [served, baseline, tag("span", text(signed(losses.difference)), class_=_tone(losses))]


def _version(version: VersionStory) -> Html:
    gates = [tag("li", text(f"{said.gate} {said.reason}")) for said in version.gates]
    served = f"{counted(version.rows, 'row')} answered"
    if version.failed_rows:
        served += f", failed for {counted(version.failed_rows, 'row')} that the stable version answered"
    if version.losses.difference is not None:
        served += (
            f"; log loss {version.losses.served:.4f}, the baseline's on the same rows {version.losses.baseline:.4f}"
        )
    since = join([moment(version.served_from), text(" to "), _until(version)]) if version.served_from else Html("")
    run = f", run {short(version.run_id)}" if version.run_id else ""
    return tag(
        "article",
        tag("h3", tag("span", text(f"Version {version.version}")), _badge(version.fate)),
        fields(
            [
                ("Registered", join([moment(version.registered_at), text(f" by {version.actor}{run}")])),
                ("Why", text(version.cause.sentence)),
                ("Training", text(version.description)),
                ("Arguments", text(_facts(version.arguments))),
                ("Metrics", text(_facts(version.metrics))),
                ("Gates", tag("ul", *gates, class_="plain") if gates else text("none was asked")),
                ("Became", text(version.fate_sentence)),
                ("In charge", since),
                ("Served", text(served) if version.rows or version.failed_rows else text("nothing")),
            ]
        ),
        class_="story",
    )


def _until(version: VersionStory) -> Html:
    return moment(version.served_until) if version.served_until else text("now")


def _rollout(rollout: RolloutStory) -> Html:
    steps = [tag("li", text(f"{step.weight:.0%} from "), moment(step.at)) for step in rollout.steps]
    against = f" against version {rollout.stable}" if rollout.stable is not None else ", the first"
    ended = moment(rollout.ended_at) if rollout.ended_at else text("not yet")
    return tag(
        "article",
        tag("h3", tag("span", text(f"Version {rollout.candidate}{against}")), _badge(rollout.status)),
        fields(
            [
                ("Began", join([moment(rollout.started_at), text(f" by {rollout.actor}")])),
                ("Traffic", tag("ul", *steps, class_="plain steps") if steps else text("")),
                ("Ended", join([ended, text(f", after {counted(rollout.looks, 'look')}")])),
                ("Judged", text(rollout.sentence)),
            ]
        ),
        class_="story",
    )


def _alert(alert: AlertStory) -> Html:
    over = [text(" to "), moment(alert.resolved_at)] if alert.resolved_at else [text(", still open")]
    title = text(f": {alert.monitor}, {alert.severity}, while version {alert.version} served")
    parts = [tag("p", moment(alert.opened_at), *over, title), tag("p", text(alert.sentence))]
    led = [*alert.led_to, *([f"Over: {alert.resolution}"] if alert.resolution else [])]
    if led:
        parts.append(tag("ul", *(tag("li", text(sentence)) for sentence in led), class_="plain"))
    return tag("li", *parts, class_=alert.severity)


def _often(firing: FiringStory) -> str:
    return f", {firing.count} times until {firing.last_at:%Y-%m-%d}" if firing.count > 1 else ""


def _figure(
    report: LoopReport,
    heading: str,
    draw: Callable[[LoopReport, float], str],
    how: str,
    legend: list[tuple[str, str]] | None = None,
    *,
    css: str = "",
) -> Html:
    items = [tag("li", _swatch(css), text(name)) for css, name in legend or []]
    return tag(
        "figure",
        tag("h3", text(heading)),
        tag("ul", *items, class_="legend") if items else Html(""),
        tag("div", Html(draw(report, _WIDE)), class_="wide"),
        tag("div", Html(draw(report, _NARROW)), class_="narrow"),
        tag("figcaption", tag("b", text("How to read this: ")), text(how)),
        class_=css,
    )


def _main_monitor(report: LoopReport) -> MonitorStory | None:
    """Return the monitor that the loop is judged by: log loss where it is watched, else whatever measured something."""
    telling = [monitor for monitor in report.monitors if any(window.value is not None for window in monitor.measured)]
    return next((monitor for monitor in telling if monitor.kind == "log-loss"), telling[0] if telling else None)


def _badge(fate: str) -> Html:
    return tag("span", text(fate.replace("-", " ")), class_=f"badge {_FATES.get(fate, 'is-bad')}")


def _swatch(css: str) -> Html:
    return tag("span", class_=f"swatch {css}", aria_hidden="true")


def _tone(losses: Losses) -> str:
    """Return the class of a difference: coloured only where luck alone can't explain it."""
    if losses.high is not None and losses.high < 0:
        return "is-good"
    return "is-bad" if losses.low is not None and losses.low > 0 else ""


def _facts(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_fact(value)}" for name, value in values.items())


def _fact(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:.4g}"
    return str(value)


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.0f} ms"
