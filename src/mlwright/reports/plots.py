"""The plots of a report, each drawn for a given width: a page holds them for wide and for narrow screens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mlwright.core.scales import Tick, day_label, number_label, number_ticks, padded
from mlwright.core.svg import Frame, Margins, Plot, X, image, series
from mlwright.reports.values import Bin, Day, LoopReport, Measured, MonitorStory, Period, RolloutStory
from mlwright.reports.words import counted, percent, signed

SERVED = "s0"
#: Classes of what became of a rollout.
FATES = {"promoted": "good", "rolled-back": "bad", "aborted": "bad", "inconclusive": "warn", "running": "soft"}
_SEVERITIES = {"info": "soft", "warning": "warn", "critical": "bad"}
_MEASURES = {
    "log-loss": "excess log loss (0: as the answers promised)",
    "calibration": "bias (mean answer minus share of ones)",
    "input-drift": "largest stability index of an input",
    "score-drift": "stability index of the answers",
    "staleness": "new labelled rows a training row",
}
_DAY = timedelta(days=1)
_LANE = 24
#: Narrower plots are for telephones, which can't show tooltips.
_HOVERABLE = 480


def version_css(version: int) -> str:
    """Return the class of a version's colour, in every plot."""
    return series(version)


def limits_of(monitor: MonitorStory) -> tuple[float, ...]:
    """Return the values beyond which a monitor's window may be degraded; a bias is wrong in both directions."""
    if monitor.tolerance is None:
        return ()
    return (monitor.tolerance, -monitor.tolerance) if monitor.kind == "calibration" else (monitor.tolerance,)


def traffic(report: LoopReport, width: float) -> str:
    """Draw which version answered which share of each day's rows."""
    plot = Plot(_over_time(report, width, 240, (0, 1)))
    plot.axes(y_ticks=[Tick(share / 4, f"{share * 25}%") for share in range(5)])
    edges = [_midnight(report, day.day) for day in report.days]
    edges.append(edges[-1] + _DAY)
    shares = {
        version: [day.by_version.get(version, 0) / day.rows if day.rows else 0.0 for day in report.days]
        for version in sorted({version for day in report.days for version in day.by_version})
    }
    rows = {version: sum(day.by_version.get(version, 0) for day in report.days) for version in shares}
    plot.stack(
        edges,
        [
            (version_css(version), heights, f"version {version}: {counted(rows[version], 'row')}")
            for version, heights in shares.items()
        ],
    )
    for version, heights in shares.items():
        _name_band(plot, edges, heights, f"v{version}")
    return image([plot], label=f"Share of each day's rows that each version of {report.model} answered")


def losses(report: LoopReport, width: float) -> str:
    """Draw the weekly log loss of what was served, of the baseline version and of the base rate, and the difference."""
    told = [week for week in report.weeks if week.losses.served is not None]
    known = [
        value
        for week in told
        for value in (week.losses.served, week.losses.baseline, week.losses.base_rate)
        if value is not None
    ]
    upper = Plot(_over_time(report, width, 250, padded(known), top=22))
    upper.heading("log loss")
    upper.axes()
    _mark_promotions(upper, report)
    for css, name in (
        ("soft dashed thin", "base_rate"),
        (version_css(report.baseline_version), "baseline"),
        (SERVED, "served"),
    ):
        upper.line([(_middle(report, week), getattr(week.losses, name)) for week in told], css)
    tips = [(*_ends(report, week), _week_words(report, week)) for week in told]
    if width >= _HOVERABLE:
        upper.tips(tips)
    differences = [week.losses.difference for week in told if week.losses.difference is not None]
    if not differences:
        return image([upper], label="Log loss by week")
    lower = Plot(_over_time(report, width, 150, padded(differences, include=(0.0,)), top=22))
    lower.heading(f"served minus version {report.baseline_version} (below zero is better)")
    lower.axes()
    for css, sign in (("good", -1), ("bad", 1)):
        bars = [
            (*_ends(report, week), difference, "")
            for week in told
            if (difference := week.losses.difference) is not None and difference * sign > 0
        ]
        lower.bars(bars, css, gap=2)
    lower.rule(0.0, "soft thin")
    if width >= _HOVERABLE:
        lower.tips(tips)
    return image([upper, lower], label="Log loss by week, and the difference that the loop made")


def monitor(report: LoopReport, told: MonitorStory, width: float, *, with_lanes: bool) -> str:
    """Draw what a monitor measured, its tolerance, and on the same axis what the loop did.

    Args:
        report: The whole report.
        told: The monitor.
        width: In pixels.
        with_lanes: Whether alerts, retrainings and rollouts are drawn below.
    """
    domain = _domain(told)
    plot = Plot(_over_time(report, width, 220 if with_lanes else 150, domain, top=22))
    plot.heading(_MEASURES.get(told.kind, told.kind))
    for alert in report.alerts:
        if alert.monitor == told.name:
            ends = (alert.opened_at, alert.resolved_at or report.until or report.as_of)
            plot.span(*ends, plot.frame.y, "bad faded area", title=f"alert: {alert.sentence}")
    plot.axes()
    for limit in limits_of(told):
        plot.rule(limit, "bad dashed thin")
    for run in _bands(told.measured, domain):
        plot.area(run, "ink faded")
    plot.line([(window.at, window.value) for window in told.measured], "ink thin")
    for window in told.measured:
        if window.value is not None and window.verdict not in ("ok", "too-few"):
            plot.marker(window.at, window.value, "bad", radius=3)
    if width >= _HOVERABLE:
        plot.tips([(window.at - _DAY / 2, window.at + _DAY / 2, _window_words(window)) for window in told.measured])
    parts = [plot, _lanes(report, width)] if with_lanes else [plot]
    return image(parts, label=f"What monitor {told.name} measured over time")


def calibration(report: LoopReport, width: float) -> str:
    """Draw how often the outcome came true among rows that got about the same answer, and how many those were."""
    size = min(width, 520)
    margins = Margins(top=22, right=14, bottom=26, left=46)
    upper = Plot(Frame(width=size, height=size * 0.78, x=(0, 1), y=(0, 1), margins=margins))
    upper.heading(f"share of {report.outcome} outcomes")
    fifths = [Tick(place / 5, f"{place / 5:.1f}") for place in range(6)]
    upper.axes(x_ticks=fifths, y_ticks=fifths)
    upper.line([(0.0, 0.0), (1.0, 1.0)], "soft dashed thin")
    _reliability(upper, report.baseline_calibration, version_css(report.baseline_version), is_served=False)
    _reliability(upper, report.calibration, SERVED, is_served=True)
    most = max((math.log10(found.rows) for found in report.calibration), default=1.0)
    lower = Plot(Frame(width=size, height=110, x=(0, 1), y=(0, math.ceil(most)), margins=margins))
    lower.heading("rows for each answer (powers of ten)")
    powers = [Tick(power, _short(10.0**power)) for power in range(0, math.ceil(most) + 1, 2)]
    lower.axes(x_ticks=fifths, y_ticks=powers)
    bars = [(b.low, b.high, math.log10(b.rows), f"{counted(b.rows, 'row')}") for b in report.calibration]
    lower.bars(bars, f"{SERVED} faded", gap=2)
    return image([upper, lower], label="Reliability of what was served and of the baseline version")


def volume(report: LoopReport, width: float) -> str:
    """Draw rows a day, and the share of outcomes that are 1."""
    most = max((day.rows for day in report.days), default=1)
    upper = Plot(_over_time(report, width, 150, (0, most * 1.05 or 1), top=22))
    upper.heading("rows a day (pale: outcome not known)")
    upper.axes(y_ticks=[Tick(tick.value, _short(tick.value)) for tick in number_ticks(*upper.frame.y)])
    ends = [(_midnight(report, day.day), _midnight(report, day.day) + _DAY) for day in report.days]
    edges = [start for start, _ in ends] + [end for _, end in ends[-1:]]
    known = [float(day.labelled) for day in report.days]
    unknown = [float(day.rows - day.labelled) for day in report.days]
    upper.stack(edges, [("soft half", known, ""), ("soft faded", unknown, "")])
    shares = [day.positives / day.labelled if day.labelled else None for day in report.days]
    top = max((share for share in shares if share is not None), default=1.0)
    lower = Plot(_over_time(report, width, 150, (0, min(top * 1.1, 1.0) or 1.0), top=22))
    lower.heading(f"share of {report.outcome} outcomes")
    lower.axes(y_ticks=_percent_ticks(lower.frame.y[1]))
    middles = [start + _DAY / 2 for start, _ in ends]
    lower.line(list(zip(middles, shares, strict=True)), f"{SERVED} thin")
    if width >= _HOVERABLE:
        tips = [(*end, _day_words(report, day)) for end, day in zip(ends, report.days, strict=True)]
        upper.tips(tips)
        lower.tips(tips)
    return image([upper, lower], label=f"Rows and share of {report.outcome} outcomes by day")


def _over_time(report: LoopReport, width: float, height: float, y: tuple[float, float], *, top: float = 10) -> Frame:
    if report.days:
        ends = (_midnight(report, report.days[0].day), _midnight(report, report.days[-1].day) + _DAY)
    else:
        ends = (report.as_of - _DAY, report.as_of)
    return Frame(width=width, height=height, x=ends, y=y, margins=Margins(top=top, right=12, bottom=26, left=46))


def _name_band(plot: Plot, edges: Sequence[datetime], heights: Sequence[float], name: str) -> None:
    """Write a version's name into its band where it is most of the traffic for the longest time."""
    best, start = (0, 0), None
    for place, height in enumerate([*heights, 0.0]):
        if height > 0.5:
            start = place if start is None else start
        elif start is not None:
            best, start = max(best, (start, place), key=lambda ends: ends[1] - ends[0]), None
    left, right = plot.x(edges[best[0]]), plot.x(edges[best[1]])
    if right - left > 9 * len(name):
        plot.text(edges[best[0]] + (edges[best[1]] - edges[best[0]]) / 2, 0.25, name, css="onfill", anchor="middle")


def _mark_promotions(plot: Plot, report: LoopReport) -> None:
    low, high = plot.frame.y
    for rollout in report.rollouts:
        if rollout.status == "promoted" and rollout.stable is not None and rollout.ended_at is not None:
            plot.upright(rollout.ended_at, "faint thin", title=f"version {rollout.candidate} took over")
            plot.text(rollout.ended_at, high - (high - low) * 0.01, f"v{rollout.candidate}", anchor="middle")


def _lanes(report: LoopReport, width: float) -> Plot:
    """Draw alerts, retrainings and rollouts as lanes over time."""
    names = ("alerts", "retrainings", "rollouts")
    frame = _over_time(report, width, len(names) * (_LANE + 14) + 34, (len(names), 0.0), top=8)
    plot = Plot(frame)
    plot.axes(y_ticks=[])
    end = report.until or report.as_of
    for lane, name in enumerate(names):
        plot.text(frame.x[0], lane + 0.34, name, css="name")
    # Alerts of several monitors may overlap: the gravest is painted last.
    for alert in sorted(report.alerts, key=lambda found: list(_SEVERITIES).index(found.severity)):
        title = f"{alert.monitor}, {day_label(alert.opened_at)}: {alert.sentence}"
        css = _SEVERITIES[alert.severity]
        plot.span(alert.opened_at, alert.resolved_at or end, (0.5, 0.78), f"{css} area", title=title)
    for version in report.versions:
        if frame.x[0] <= version.registered_at <= frame.x[1]:  # type: ignore[operator]
            title = f"version {version.version}, {day_label(version.registered_at)}: {version.cause.sentence}"
            if version.fate == "refused":
                plot.marker(version.registered_at, 1.64, "bad", shape="cross", radius=5, title=title)
            else:
                plot.marker(version.registered_at, 1.64, "ink", shape="diamond", radius=5, title=title)
    for rollout in report.rollouts:
        _draw_rollout(plot, rollout, end)
    return plot


def _domain(told: MonitorStory) -> tuple[float, float]:
    """Return the vertical axis of a monitor: all values and limits, and intervals as far as they don't dwarf those."""
    values = [window.value for window in told.measured if window.value is not None] or [0.0]
    span = max(max(values) - min(values), 2 * (told.tolerance or 0.0))
    lows = [max(window.low, min(values) - span / 2) for window in told.measured if window.low is not None]
    highs = [min(window.high, max(values) + span / 2) for window in told.measured if window.high is not None]
    return padded([*values, *lows, *highs], include=(0.0, *limits_of(told)))


def _bands(measured: Sequence[Measured], domain: tuple[float, float]) -> list[list[tuple[X, float, float]]]:
    """Return the intervals around what was measured, cut off at the axis's ends, as runs without gaps."""
    floor, ceiling = domain
    runs: list[list[tuple[X, float, float]]] = [[]]
    for window in measured:
        if window.low is None or window.high is None:
            runs.append([])
        else:
            runs[-1].append((window.at, max(window.low, floor), min(window.high, ceiling)))
    return [run for run in runs if len(run) > 1]


def _draw_rollout(plot: Plot, rollout: RolloutStory, end: datetime) -> None:
    until = rollout.ended_at or end
    title = f"version {rollout.candidate}, {rollout.status}: {rollout.sentence}"
    css = FATES.get(rollout.status, "soft")
    plot.span(rollout.started_at, until, (2.5, 2.78), f"{css} area", title=title)


def _reliability(plot: Plot, bins: Sequence[Bin], css: str, *, is_served: bool) -> None:
    known = [found for found in bins if found.rows >= 10]
    plot.line([(found.answer, found.share) for found in known], f"{css} thin")
    for found in known:
        plot.whisker(found.answer, *_wilson(found.share, found.rows), css)
        title = f"answer {found.answer:.3f}, came true {found.share:.3f}, {counted(found.rows, 'row')}"
        plot.marker(found.answer, found.share, css, shape="circle" if is_served else "square", radius=3.5, title=title)


def _wilson(share: float, rows: int) -> tuple[float, float]:
    """Return a 95% interval for a share (Wilson, Journal of the American Statistical Association 22, 1927)."""
    z = 1.96
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _percent_ticks(top: float) -> list[Tick]:
    step = 0.05 if top <= 0.25 else 0.1 if top <= 0.5 else 0.25
    return [Tick(place * step, f"{place * step:.0%}") for place in range(math.floor(top / step + 1e-9) + 1)]


def _short(count: float) -> str:
    """Return a count that fits beside an axis, for example `25k`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if count >= size:
            return f"{count / (1e3 if letter == 'k' else size):g}{letter}"
    return f"{count:,.0f}"


def _week_words(report: LoopReport, week: Period) -> str:
    told, last = week.losses, week.end - _DAY
    named = (
        ("served", told.served),
        (f"version {report.baseline_version}", told.baseline),
        ("base rate", told.base_rate),
    )
    values = ", ".join(f"{name} {number_label(value, 4)}" for name, value in named if value is not None)
    days = f"{day_label(_midnight(report, week.start))} to {day_label(_midnight(report, last))}"
    return f"{days}: {values}, difference {signed(told.difference)}, {counted(told.rows, 'row')}"


def _day_words(report: LoopReport, day: Day) -> str:
    share = percent(day.positives / day.labelled if day.labelled else None)
    known = f"{counted(day.labelled, 'outcome')} known, {share} {report.outcome}"
    return f"{day_label(day.day)}: {counted(day.rows, 'row')}, {known}"


def _window_words(window: Measured) -> str:
    return f"{day_label(window.at)}, version {window.version}: {window.sentence}"


def _ends(report: LoopReport, week: Period) -> tuple[datetime, datetime]:
    """Return the part of a week that lies inside the report."""
    first, last = _midnight(report, report.days[0].day), _midnight(report, report.days[-1].day) + _DAY
    return max(_midnight(report, week.start), first), min(_midnight(report, week.end), last)


def _middle(report: LoopReport, week: Period) -> datetime:
    start, end = _ends(report, week)
    return start + (end - start) / 2


def _midnight(report: LoopReport, day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(report.time_zone))
