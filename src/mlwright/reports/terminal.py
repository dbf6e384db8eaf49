"""The report in a terminal: at most 100 columns, words and small bars; plain text where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mlwright.core.scales import month_label
from mlwright.reports.values import AlertStory, GateSaid, LoopReport, Losses, Period, RolloutStory, VersionStory
from mlwright.reports.words import counted, long_day, percent, signed

_WIDEST = 100
_INDENT = 7
_LEVELS = " ▁▂▃▄▅▆▇█"
_ASCII = str.maketrans({**dict(zip(_LEVELS, " .:-=+*%#", strict=True)), "−": "-", "–": "-", "…": "~", "→": ">"})
_STYLES = {
    "serving": "green",
    "promoted": "green",
    "refused": "red",
    "rolled-back": "red",
    "aborted": "red",
    "inconclusive": "yellow",
}


def render_terminal(report: LoopReport, console: Console) -> None:
    """Print a report.

    Args:
        report: What to print.
        console: Where to; without a terminal it gets no colours, without Unicode plain letters.
    """
    page = _Page(console)
    page.title(f"Report of the loop: {report.system}")
    if report.days:
        period = f"{long_day(report.days[0].day)} to {long_day(report.days[-1].day)} ({report.time_zone})"
        page.say(f"model {report.model}, deployment {report.deployment}, {period}", style="dim")
    for sentence in report.headline:
        page.say(sentence, indent=2)
    for note in report.notes:
        page.say(f"Note: {note}", indent=2, style="yellow")
    if report.losses.rows:
        _months(page, report)
        _weeks(page, report)
    if report.volume.rows:
        _traffic(page, report)
    _versions(page, report)
    _rollouts(page, report.rollouts)
    _alerts(page, report.alerts)


class _Page:
    """Prints parts of the report one below the other, in the width and with the letters that the console has."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(console.width, _WIDEST)
        #: How many columns of a sparkline fit beside its name and its number.
        self.columns = max(self._width - 28, 20)
        self._only_ascii = console.options.ascii_only

    def title(self, words: str) -> None:
        self._console.print()
        self.say(words, style="bold")

    def say(self, words: str, *, indent: int = 0, style: str = "") -> None:
        padded = Padding(self.text(words, style), (0, 0, 0, indent), expand=False)
        self._console.print(padded, width=self._width)

    def entry(self, name: str, line: Text, sentences: Iterable[tuple[str, str]]) -> None:
        """Print a named line and sentences below it, each (words, style), all with the same indent."""
        grid = Table.grid()
        grid.add_column(width=_INDENT - 2)
        grid.add_column()
        grid.add_row(Text(name, "bold"), line)
        self._console.print(Padding(grid, (0, 0, 0, 2), expand=False), width=self._width)
        for words, style in sentences:
            self.say(words, indent=_INDENT, style=style)

    def text(self, words: str, style: str = "") -> Text:
        return Text(words.translate(_ASCII) if self._only_ascii else words, style=style)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[Text]]) -> None:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for heading in headings:
            table.add_column(heading.lstrip("#"), justify="right" if heading.startswith("#") else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self._console.print(Padding(table, (0, 0, 0, 2), expand=False), width=self._width)


def sparkline(values: Sequence[float | None], low: float, high: float) -> str:
    """Return values as blocks of eight heights; None, and what lies at or below `low`, is a space.

    Example:
        >>> sparkline([0.0, 0.5, 1.0, None], 0, 1)
        ' ▄█ '
    """
    span = (high - low) or 1.0
    places = [0 if value is None else round((value - low) / span * 8) for value in values]
    return "".join(_LEVELS[min(max(place, 0), 8)] for place in places)


def _months(page: _Page, report: LoopReport) -> None:
    page.title("Log loss by month (below zero the loop was better)")
    headings = ["", "#rows", f"#{report.outcome}", "#served", f"#version {report.baseline_version}", "#difference"]
    rows = [_month(page, month_label(month.start), month.rows, month.losses) for month in report.months]
    rows.append(_month(page, "all", report.volume.rows, report.losses))
    page.table([*headings, f"#{report.losses.confidence:.0%} interval"], rows)


def _month(page: _Page, name: str, rows: int, losses: Losses) -> list[Text]:
    known = [percent(losses.positive_share), _loss(losses.served), _loss(losses.baseline)]
    interval = f"{signed(losses.low)} to {signed(losses.high)}" if losses.low is not None else "–"
    cells = [page.text(cell) for cell in (name, f"{rows:,}", *known)]
    return [*cells, page.text(signed(losses.difference), _tone(losses)), page.text(interval)]


def _weeks(page: _Page, report: LoopReport) -> None:
    differences = [week.losses.difference for week in report.weeks]
    known = [value for value in differences if value is not None]
    if not any(known):
        return
    most = max(abs(value) for value in known)
    page.title(f"Served against version {report.baseline_version}, week by week (most: {most:.4f} a row)")
    better = [max(-value, 0.0) if value is not None else None for value in differences]
    worse = [max(value, 0.0) if value is not None else None for value in differences]
    page.say(f"better {_fitted(better, most, page.columns)}".rstrip(), indent=2, style="green")
    page.say(f"worse  {_fitted(worse, most, page.columns)}".rstrip(), indent=2, style="red")
    if len(report.weeks) <= page.columns:
        page.say(f"       {_axis(report.weeks)}", indent=2, style="dim")


def _traffic(page: _Page, report: LoopReport) -> None:
    page.title("Share of the rows that each version answered")
    for version in sorted({version for day in report.days for version in day.by_version}):
        shares = [day.by_version.get(version, 0) / day.rows if day.rows else None for day in report.days]
        rows = sum(day.by_version.get(version, 0) for day in report.days)
        page.say(f"v{version:<4} {rows:>9,} rows  {_fitted(shares, 1.0, page.columns)}".rstrip(), indent=2)


def _versions(page: _Page, report: LoopReport) -> None:
    if not report.versions:
        return
    page.title("Versions")
    for version in report.versions:
        line = Text(version.fate.replace("-", " "), _STYLES.get(version.fate, ""))
        line.append_text(page.text(f", registered {version.registered_at:%Y-%m-%d}, {_answered(version)}"))
        said = [(f"why: {version.cause.sentence}", "")]
        said += [(f"training: {version.description}", "")] if version.description else []
        passed = ", ".join(_gate(gate) for gate in version.gates if gate.passed)
        said += [(f"gates passed: {passed}", "")] if passed else []
        said += [(f"gate {gate.gate} {gate.reason}", "red") for gate in version.gates if not gate.passed]
        # What became of a version that was rolled out is told with its rollout.
        said += [(version.fate_sentence, "")] if version.fate == "not-deployed" else []
        page.entry(f"v{version.version}", line, said)


def _gate(gate: GateSaid) -> str:
    """Return a gate that was passed, with the difference that it saw where it compared."""
    difference = gate.numbers.get("difference")
    return f"{gate.gate} ({signed(difference)})" if isinstance(difference, float) else gate.gate


def _answered(version: VersionStory) -> str:
    told = f"answered {counted(version.rows, 'row')}"
    if version.failed_rows:
        told += f", failed for {version.failed_rows:,}"
    if version.losses.difference is not None:
        told += f", log loss {_loss(version.losses.served)} ({signed(version.losses.difference)})"
    return told


def _rollouts(page: _Page, rollouts: Sequence[RolloutStory]) -> None:
    if not rollouts:
        return
    page.title("Rollouts")
    for rollout in rollouts:
        line = Text(rollout.status.replace("-", " "), _STYLES.get(rollout.status, ""))
        against = f" against v{rollout.stable}" if rollout.stable is not None else ""
        steps = " → ".join(f"{step.weight:.0%} {step.at:%m-%d %H:%M}" for step in rollout.steps)
        told = f"{against}, {rollout.started_at:%Y-%m-%d}, {counted(rollout.looks, 'look')}: {steps}"
        page.entry(f"v{rollout.candidate}", line.append_text(page.text(told)), [(rollout.sentence, "")])


def _alerts(page: _Page, alerts: Sequence[AlertStory]) -> None:
    if not alerts:
        return
    page.title("Alerts")
    for alert in alerts:
        over = f"to {alert.resolved_at:%Y-%m-%d}" if alert.resolved_at else "still open"
        line = Text(f"{alert.opened_at:%Y-%m-%d} {over}, ")
        line.append(alert.monitor, "red" if alert.severity == "critical" else "yellow")
        said = [alert.sentence, *(f"→ {sentence}" for sentence in alert.led_to)]
        said += [f"over: {alert.resolution}"] if alert.resolution else []
        page.entry(f"v{alert.version}", line, [(sentence, "") for sentence in said])


def _fitted(values: Sequence[float | None], most: float, columns: int) -> str:
    """Return a sparkline of as many columns as fit; each is the mean of its values, and shows when that isn't zero."""
    size = max(-(-len(values) // columns), 1)
    means: list[float | None] = []
    for start in range(0, len(values), size):
        known = [value for value in values[start : start + size] if value is not None]
        mean = sum(known) / len(known) if known else None
        means.append(max(mean, most / 12) if mean else mean)
    return sparkline(means, 0.0, most)


def _axis(weeks: Sequence[Period]) -> str:
    """Return the names of the months below the weeks in which they begin, as far as there is room."""
    line = [" "] * (len(weeks) + 4)
    free = 0
    for place, week in enumerate(weeks):
        if week.start.day <= 7 and place >= free:
            line[place : place + 3] = month_label(week.start)[:3]
            free = place + 4
    return "".join(line).rstrip()


def _tone(losses: Losses) -> str:
    if losses.high is not None and losses.high < 0:
        return "green"
    return "red" if losses.low is not None and losses.low > 0 else ""


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
