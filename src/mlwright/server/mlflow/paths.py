"""Paths and URIs of artifacts: what a client may name, and where the artifacts of runs and models are.

A path that a client sends may have been quoted more than once; it means what is left when nothing more can be unquoted,
as MLflow's clients expect. Nothing here touches a file system: names are keys of the ledger, and still one that would
lead a client or another store out of its folder is refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlwright.errors import InvalidInput

#: What is left of a path that was quoted more often than this is refused.
MOST_QUOTED = 10
#: In bytes of UTF-8; some databases can't index more.
LONGEST_PATH = 2000
#: Where the files of registered versions are read; nobody writes there.
VERSIONS = "versions"

_SCHEME = "mlflow-artifacts"
_SERVED = re.compile(r"/api/2\.0/mlflow-artifacts/artifacts(?:/|$)")
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x01-\x1f\x7f]")


def checked_path(text: str) -> str:
    """Return the path that a client means, without empty parts; `""` is the folder of everything.

    Raises:
        InvalidInput: It leads out of its folder, is absolute, or holds what no path may hold.
    """
    path = _unquoted(text)
    if path.startswith("file:"):
        raise _refused(text, "it is a URL of a file")
    if path.startswith("/"):
        raise _refused(text, "it is absolute")
    for mark, why in (("\\", "it holds a backslash"), ("\0", "it holds U+0000"), ("#", "it holds a '#'")):
        if mark in path:
            raise _refused(text, why)
    if any("\ud800" <= letter <= "\udfff" for letter in path):
        raise _refused(text, "it holds half a character")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _refused(text, "it leads out of its folder")
    if parts and (_DRIVE.match(parts[0]) or any(_DRIVE.fullmatch(part) for part in parts)):
        raise _refused(text, "it names a drive")
    # A name with a line break in it stays one line, quoted, as MLflow's clients expect.
    found = _CONTROL.sub(lambda match: f"%{ord(match.group()):02x}", "/".join(parts))
    if len(found.encode()) > LONGEST_PATH:
        raise _refused(text[:80] + "...", f"it is longer than {LONGEST_PATH} bytes")
    return found


def path_of(uri: str) -> str | None:
    """Return the path below this server's artifacts that a URI names, None when it names something elsewhere.

    Example:
        >>> path_of("mlflow-artifacts:/0/abc/artifacts"), path_of("s3://bucket/0")
        ('0/abc/artifacts', None)

    Raises:
        InvalidInput: It leads out of its folder.
    """
    try:
        parsed = urlsplit(uri)
    except ValueError:
        return None
    if parsed.scheme == _SCHEME:
        return checked_path(parsed.path.lstrip("/"))
    if parsed.scheme in ("http", "https"):
        served = _SERVED.search(parsed.path)
        if served:
            return checked_path(parsed.path[served.end() :].lstrip("/"))
    return None


def resolved(location: str) -> str:
    """Return where a client wants artifacts: a folder without a scheme is one below where the server was started.

    Example:
        >>> resolved("s3://bucket/a"), resolved("/mnt/a"), resolved("")
        ('s3://bucket/a', '/mnt/a', '')
    """
    if not location or urlsplit(location).scheme or location.startswith(("/", "\\")):
        return location
    return str(Path.cwd() / location)


def experiment_uri(number: int, location: str) -> str:
    """Return where the artifacts of an experiment are."""
    return location.rstrip("/") or f"{_SCHEME}:/{number}"


def run_uri(number: int, location: str, run_id: str) -> str:
    """Return where the artifacts of a run are, given its experiment's number and location."""
    return f"{experiment_uri(number, location)}/{run_id}/artifacts"


def model_uri(number: int, location: str, model_id: str) -> str:
    """Return where the artifacts of a logged model are, given its experiment's number and location."""
    return f"{experiment_uri(number, location)}/models/{model_id}/artifacts"


def version_uri(digest: str) -> str:
    """Return where the files of a registered version are read."""
    return f"{_SCHEME}:/{VERSIONS}/{digest.removeprefix('sha256:')}"


def _unquoted(text: str) -> str:
    for _ in range(MOST_QUOTED):
        try:
            once = unquote(text, errors="strict")
        except UnicodeDecodeError:
            raise _refused(text, "it is no UTF-8") from None
        if once == text:
            return text
        text = once
    raise _refused(text, "it was quoted too often")


def _refused(path: str, why: str) -> InvalidInput:
    # Clients compare the whole message.
    return InvalidInput(f"Invalid path '{path}'.", why=why, whole_message="Invalid path")
