"""The report as one HTML file: no script, no other origin, readable on paper, in the dark and on a telephone."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from mlwright.core.svg import PALETTE, STYLE
from mlwright.reports import sections
from mlwright.reports.markup import join, tag, text
from mlwright.reports.values import LoopReport

_SECTIONS = (
    ("worth", "What it was worth", sections.worth),
    ("traffic", "Who answered", sections.traffic),
    ("alerts", "What the monitors saw", sections.alerts),
    ("versions", "Every version", sections.versions),
    ("rollouts", "Rollouts", sections.rollouts),
    ("triggers", "Why something was trained, or not", sections.firings),
)


def render_html(report: LoopReport) -> str:
    """Return the report as a whole HTML page.

    The page holds everything it shows. Its content security policy lets it load nothing and run nothing; the one style
    sheet is allowed by its digest.

    Args:
        report: What to show.
    """
    style = PALETTE + STYLE + files("mlwright.reports").joinpath("report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    built = [(name, heading, found) for name, heading, build in _SECTIONS if (found := build(report))]
    links = [tag("li", tag("a", text(heading), href=f"#{name}")) for name, heading, _ in built]
    body = [
        tag("header", *sections.opening(report), tag("nav", tag("ul", *links), aria_label="Sections")),
        tag("main", *(tag("section", tag("h2", text(heading)), found, id=name) for name, heading, found in built)),
        tag("footer", *sections.closing(report)),
    ]
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{tag('title', text(f'{report.system}: report of the loop'))}"
        f"<style>{style}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{join(body)}</body></html>\n'
