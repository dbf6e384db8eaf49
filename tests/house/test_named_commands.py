"""Commands that errors tell people to type do exist."""

from __future__ import annotations

import re
from pathlib import Path

from mlwright.cli.commands import names

ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"(?<![\w./-])mlwright ([a-z]+)\b(?= |$|[`'\"),;:]|\n)")
#: Words that follow the name in plain sentences.
_PROSE = {"on", "from"}


def test_every_command_that_a_fix_names_exists() -> None:
    fixes = re.compile(r"fix=f?\"[^\n]*")
    unknown = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        for fix in fixes.findall(path.read_text()):
            unknown += [
                f"{path.name}: mlwright {word}" for word in _NAMED.findall(fix) if word not in {*names(), *_PROSE}
            ]
    assert unknown == []
