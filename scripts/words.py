"""The words gate: nothing that is committed names a host outside the list, a path of somebody's machine, or a secret.

Hosts are allowed by name, so a package index, a mirror or an internal server can't slip into a lock file or a page.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Hosts that may be named: ourselves, standards, and the names reserved for examples.
HOSTS = {
    "127.0.0.1",
    "0.0.0.0",
    "localhost",
    "host",
    "example.com",
    "example.org",
    "github.com",
    "cloudevents.io",
    "in-toto.io",
    "json-schema.org",
    "www.apache.org",
    "www.w3.org",
    "keepachangelog.com",
    "semver.org",
    "creativecommons.org",
    "arxiv.org",
    "doi.org",
}

_URL = re.compile(r"\b(?:https?|ftp|ssh|git)://(?:[^\s/@\"'<>]*@)?([A-Za-z0-9.-]+)")
#: What no file may hold, and what to call it. Written in pieces where the pattern would find itself.
_PATTERNS = {
    "a machine's path": re.compile(r"(?<![\w.~])/(?:root|home/\w+|Users/\w+|work)/"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "an access key": re.compile(r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[abp]-[A-Za-z0-9-]{20,})\b"),
    "a package index": re.compile(r"--(?:extra-)?index-url|--find-links"),
}


def findings(text: str) -> list[tuple[int, str]]:
    """Return the line and what is wrong with it, for each thing that a text may not hold."""
    found: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        strangers = [host for host in _URL.findall(line) if not _may_be_named(host.lower().strip("."))]
        found += [(number, f"names the host {host}") for host in strangers]
        found += [(number, f"holds {what}") for what, pattern in _PATTERNS.items() if pattern.search(line)]
    return found


def _may_be_named(host: str) -> bool:
    # Nobody can own a name that ends so (RFC 2606).
    return host in HOSTS or host.endswith(".test")


def committed(root: Path) -> list[Path]:
    """Return the files that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()
    return [root / name for name in sorted(set(names)) if (root / name).is_file()]


def main() -> int:
    """Read every file of the repository; return 1 when something is found."""
    count = 0
    for path in committed(ROOT):
        # This file and its test name what is forbidden.
        if path.name in {"words.py", "test_words.py"}:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for number, what in findings(text):
            count += 1
            print(f"  {path.relative_to(ROOT)}:{number} {what}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
