"""Hiding what looks like a secret in texts that are kept: arguments of programs, diffs, addresses.

Every repetition is bounded, or begins at the beginning of a word only: the time is linear in the text's length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

HIDDEN = "***"
#: Words that mean a secret wherever they end a name (`PGPASSWORD`, `clientSecret`), and those that have to stand alone.
_ENDINGS = r"(?:pass(?:word|wd|phrase)|secret|token|(?:api|access|account|private)[-_]?key|credentials?)"
_WORDS = r"(?:pass|pwd|auth)"
_OPTION = re.compile(
    rf"[-+]{{0,2}}(?:[\w.-]*{_ENDINGS}|(?:[\w.-]*[-_.])?{_WORDS})(?:[-_.][\w.-]*)?", re.IGNORECASE | re.ASCII
)
_VALUE = (
    r"(?:[bfru]{0,2}(?:\"\"\"[\s\S]{0,5000}?\"\"\"|'''[\s\S]{0,5000}?'''"
    r"|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')|[^\s,;)}\]]+)"
)
_ASSIGNED = re.compile(
    rf"\b((?:\w{{0,80}}{_ENDINGS}|(?:\w{{0,80}}[-_.])?{_WORDS})(?:[-_]\w{{1,80}})?[\"']?[ \t]*[=:][ \t]*){_VALUE}",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(
    r"(\bauthorization[\"']?[ \t]*[=:][ \t]*[\"']?)(?:\w+[ \t]+)?[^\s\"']+|(\bbearer[ \t]+)(?=\S{0,200}\d)[^\s\"']{8,}",
    re.IGNORECASE,
)
_URL = re.compile(
    r"(\b[a-z][a-z0-9+.-]{0,30}://?[^\s/@:\"'<>]{0,200}):(?:[^\s/\"'<>]{0,500}@|(?!\d{1,5}/)[^\s@\"'<>]{0,500}@)",
    re.IGNORECASE,
)
_URL_TOKEN = re.compile(r"(\bhttps?://)[^\s/@:\"'<>]{1,500}@", re.IGNORECASE)
_SIGNATURE = re.compile(r"([?&][\w-]{0,40}sig(?:nature)?=)[^\s&\"']+", re.IGNORECASE)
_SHAPES = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|\bsk-(?=[\w-]{0,200}\d)[\w-]{16,}|xox[abprs]-[\w-]{10,}|hf_[A-Za-z0-9]{20,}"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)"
)


def mask(text: str) -> str:
    """Return a text in which values that look like secrets are hidden.

    Example:
        >>> mask("password = 'hunter2' at postgresql://ada:hunter2@db/ml")
        'password = *** at postgresql://ada:***@db/ml'
    """
    text = _URL.sub(rf"\1:{HIDDEN}@", text)
    text = _URL_TOKEN.sub(rf"\1{HIDDEN}@", text)
    text = _SIGNATURE.sub(rf"\1{HIDDEN}", text)
    text = _SHAPES.sub(HIDDEN, text)
    text = _AUTHORIZATION.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}", text)
    return _ASSIGNED.sub(rf"\1{HIDDEN}", text)


def mask_arguments(arguments: Sequence[str]) -> list[str]:
    """Return a program's arguments in which values that look like secrets are hidden.

    Example:
        >>> mask_arguments(["--lr", "0.1", "--api-key", "abc", "--db-password=x", "TOKEN=y"])
        ['--lr', '0.1', '--api-key', '***', '--db-password=***', 'TOKEN=***']
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
        hides_next = is_secret and not mark and argument.startswith("-")
        found.append(f"{name}={HIDDEN}" if is_secret and mark else mask(argument))
    return found
