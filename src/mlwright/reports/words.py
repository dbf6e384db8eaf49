"""The report in sentences: what the numbers say, whichever way they point."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta

from mlwright.reports.values import FEWEST_DAYS, Fate, LoopReport, Losses, VersionStory, Volume

# fmt: off
_MONTHS = ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December")
# fmt: on
_FATES: dict[Fate, str] = {
    "serving": "serving now",
    "promoted": "promoted and replaced later",
    "refused": "refused by gates",
    "rolled-back": "rolled back",
    "inconclusive": "given up as inconclusive",
    "aborted": "aborted",
    "rolling-out": "being rolled out",
    "not-deployed": "never deployed",
}


def headline(report: LoopReport) -> list[str]:
    """Return the most important sentences of a report; what it has in `headline` already doesn't matter."""
    volume, still_open = report.volume, sum(1 for alert in report.alerts if alert.resolved_at is None)
    said = verdict_sentences(report.losses, report.baseline_version, report.outcome) if volume.rows else []
    said += [
        served_sentence(volume, report.since, report.until, report.versions),
        coverage_sentence(volume),
        loop_sentence(report.versions, len(report.alerts), still_open),
    ]
    return [sentence for sentence in said if sentence]


def long_day(moment: date) -> str:
    """Return a day as people write it, for example `1 April 2013`."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun.

    Example:
        >>> counted(1, "row"), counted(2500, "row"), counted(0, "alert")
        ('1 row', '2,500 rows', 'no alerts')
    """
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {plural or noun + 's'}" if number else f"no {plural or noun + 's'}"


def signed(value: float | None, digits: int = 4) -> str:
    """Return a difference with its sign, with a true minus; a dash when there is none."""
    if value is None:
        return "–"
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if text.strip("+-0.") else text.lstrip("+-")


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as a percentage; a dash when there is none."""
    return "–" if share is None else f"{share:.{digits}%}"


def served_sentence(
    volume: Volume, since: datetime | None, until: datetime | None, versions: list[VersionStory]
) -> str:
    """Say what was asked and answered."""
    if since is None or until is None or not volume.rows:
        if not versions:
            return "Nothing was served: no version has been registered."
        deployed = any(version.served_from for version in versions)
        return f"Nothing was served: {'no request has come' if deployed else 'no version has been deployed'}."
    last = until - timedelta(microseconds=1)
    serving = sum(1 for version in versions if version.rows)
    return (
        f"From {long_day(since)} to {long_day(last)}, {counted(volume.rows, 'row')} in "
        f"{counted(volume.requests, 'request')} were answered by {counted(serving, 'version')}; {_failures(volume)}."
    )


def verdict_sentences(losses: Losses, baseline: int, outcome: str) -> list[str]:
    """Say whether the loop was worth it, whatever the answer is."""
    if losses.served is None:
        return ["No outcome is known yet, so nothing can be said about how good the answers were."]
    base = (
        f"The log loss of what was served is {losses.served:.4f}"
        if losses.difference is None
        else f"The log loss of what was served is {losses.served:.4f}; had version {baseline} answered the very same "
        f"{counted(losses.rows, 'labelled row')}, it would have been {losses.baseline:.4f}"
    )
    always = f"Always answering {losses.positive_share:.1%}, the share of {outcome} outcomes, would have cost "
    known = f"{always}{losses.base_rate:.4f}, and nobody could know that share beforehand."
    return [f"{base}.", *_difference(losses, baseline), known]


def coverage_sentence(volume: Volume) -> str:
    """Say how many outcomes are known."""
    if not volume.rows:
        return ""
    share = volume.labelled / volume.rows
    rest = volume.rows - volume.labelled
    if not rest:
        return "Every row's outcome is known."
    return (
        f"The outcome of {share:.1%} of the rows is known; {counted(rest, 'row')} have none (yet, or for ever) and are "
        "part of no loss."
    )


def loop_sentence(versions: list[VersionStory], alerts: int, open_alerts: int) -> str:
    """Say what the loop did."""
    if not versions:
        return ""
    fates = Counter(version.fate for version in versions)
    said = [f"{fates[fate]} {meaning}" for fate, meaning in _FATES.items() if fates[fate]]
    raised = f"{counted(alerts, 'alert')} raised"
    still = f", {open_alerts} still open" if open_alerts else ""
    return f"{counted(len(versions), 'version')} registered: {', '.join(said)}. {raised[0].upper()}{raised[1:]}{still}."


def _failures(volume: Volume) -> str:
    failed = (
        "no request failed" if not volume.failed_requests else f"{counted(volume.failed_requests, 'request')} failed"
    )
    if not volume.rescued_rows:
        return failed
    return (
        f"{failed}, though a candidate failed for {counted(volume.rescued_rows, 'row')}, which the stable version "
        "answered instead"
    )


def _difference(losses: Losses, baseline: int) -> list[str]:
    if losses.difference is None:
        return [f"What version {baseline} would have answered isn't known, so there is nothing to compare with."]
    if losses.low is None or losses.high is None:
        if losses.difference == 0:
            return [f"Version {baseline} answered everything itself: there is no difference."]
        return [
            f"That is a difference of {signed(losses.difference)}, on {counted(losses.days, 'day')}: fewer than the "
            f"{FEWEST_DAYS} that an interval needs."
        ]
    if losses.low == losses.high == 0:
        return [f"Version {baseline} answered everything itself: there is no difference."]
    ends = f"{signed(losses.low)} to {signed(losses.high)}"
    span = f"({losses.confidence:.0%} interval of the difference {ends}, from redrawing its {losses.days} days)"
    way = "better" if losses.difference < 0 else "worse"
    amount = f"{way} by {abs(losses.difference):.4f} a row"
    if losses.high < 0 or losses.low > 0:
        return [f"So the loop was {amount} {span}."]
    return [f"The loop was {amount}, but luck alone could make such a difference {span}."]
