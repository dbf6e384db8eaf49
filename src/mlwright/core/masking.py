"""Hiding what looks like a secret in texts that are kept: arguments of programs, diffs, addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence

HIDDEN = "***"
_NAMES = r"(?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|auth|credentials?)"
_OPTION = re.compile(rf"-{{1,2}}(?:[\w-]*[-_])?{_NAMES}(?:[-_][\w-]*)?", re.IGNORECASE)
_ASSIGNED = re.compile(rf"(?i)\b((?:\w*[-_.])?{_NAMES}(?:[-_]\w+)?[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;)}}\]]+)")
_URL = re.compile(r"(\w+://[^\s:/@]*):[^\s/@]+@")
_SHAPES = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|sk-[A-Za-z0-9_-]{16,}"
    r"|xox[abprs]-[\w-]{10,}|hf_[A-Za-z0-9]{20,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)


def mask(text: str) -> str:
    """Return a text in which values that look like secrets are hidden.

    Example:
        >>> mask("password = 'hunter2' at postgresql://ada:hunter2@db/ml")
        'password = *** at postgresql://ada:***@db/ml'
    """
    text = _URL.sub(rf"\1:{HIDDEN}@", text)
    text = _SHAPES.sub(HIDDEN, text)
    return _ASSIGNED.sub(rf"\1{HIDDEN}", text)


def mask_arguments(arguments: Sequence[str]) -> list[str]:
    """Return a program's arguments in which values that look like secrets are hidden.

    Example:
        >>> mask_arguments(["--lr", "0.1", "--api-key", "abc", "--db-password=x"])
        ['--lr', '0.1', '--api-key', '***', '--db-password=***']
    """
    found: list[str] = []
    hides_next = False
    for argument in arguments:
        name, mark, _ = argument.partition("=")
        if hides_next and not argument.startswith("--"):
            found.append(HIDDEN)
            hides_next = False
            continue
        is_secret = _OPTION.fullmatch(name) is not None
        hides_next = is_secret and not mark
        found.append(f"{name}={HIDDEN}" if is_secret and mark else mask(argument))
    return found
