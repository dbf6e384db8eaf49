"""`mlwright doctor`: what is wrong with this machine or project, and how to mend it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlwright.cli.context import NONE, Options
from mlwright.cli.output import print_json, print_table
from mlwright.core.settings import NAMES, Settings, redact
from mlwright.errors import MlwrightError

LITTLE_DISK_BYTES = 2 * 2**30


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        name: What.
        state: ok, warning or failed.
        found: What was found.
        fix: What to do; empty when nothing.
    """

    name: str
    state: str
    found: str
    fix: str = ""


def doctor(*, options: Options = NONE) -> int:
    """Check this machine and project; the exit code is 1 when something failed."""
    settings = options.settings()
    checks = [
        _python(),
        *_settings(settings),
        _ledger(settings),
        _store(settings),
        _disk(settings),
        _port(settings),
        *_server(settings),
        *_extras(),
        *_adapters(),
    ]
    if options.json:
        print_json(items=checks)
    else:
        print_table([[row.state, row.name, row.found, row.fix] for row in checks], ["STATE", "CHECK", "FOUND", "FIX"])
    return 1 if any(row.state == "failed" for row in checks) else 0


def _python() -> Check:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Check(name="python", state="ok", found=f"{found} ({sys.executable})")


def _settings(settings: Settings) -> Iterator[Check]:
    yield Check(name="project", state="ok", found=str(settings.root))
    for name in NAMES:
        value = redact(str(getattr(settings, name))) or "-"
        yield Check(name=f"setting {name}", state="ok", found=f"{value} (from {settings.sources[name]})")


def _ledger(settings: Settings) -> Check:
    path = Path(settings.ledger.removeprefix("sqlite:///"))
    if settings.ledger.startswith("sqlite:///") and not path.exists():
        return Check(name="ledger", state="ok", found="none yet; the first run makes it")
    from mlwright.ledger import Ledger, migrate

    try:
        with Ledger(settings.ledger, create=False) as ledger:
            revision = migrate.current(ledger.engine)
    except MlwrightError as error:
        return Check(name="ledger", state="failed", found=_told(error), fix=error.fix or "")
    return Check(name="ledger", state="ok", found=f"reachable, schema revision {revision}")


def _store(settings: Settings) -> Check:
    if "://" in settings.artifacts:
        return Check(name="artifacts", state="ok", found=redact(settings.artifacts))
    folder = _nearest(Path(settings.artifacts))
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        fix = f"chmod u+w {folder}, or set MLWRIGHT_HOME to a folder of yours"
        return Check(name="artifacts", state="failed", found=f"{folder}: {error.strerror}", fix=fix)
    return Check(name="artifacts", state="ok", found=f"{folder} can be written")


def _disk(settings: Settings) -> Check:
    folder = _nearest(settings.home)
    free = shutil.disk_usage(folder).free
    found = f"{free / 2**30:.1f} GiB free at {folder}"
    if free < LITTLE_DISK_BYTES:
        return Check(name="disk", state="warning", found=found, fix="free some space")
    return Check(name="disk", state="ok", found=found)


def _port(settings: Settings) -> Check:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            fix = f"mlwright up --port {settings.port + 1}"
            found = f"{settings.host}:{settings.port}: {error.strerror or error}"
            return Check(name="port", state="warning", found=found, fix=fix)
    return Check(name="port", state="ok", found=f"{settings.port} is free")


def _server(settings: Settings) -> Iterator[Check]:
    if not settings.server:
        return
    from mlwright.api.client import RemoteClient

    try:
        with RemoteClient(settings.server) as client:
            health = client.call("health.show")
    except MlwrightError as error:
        yield Check(name="server", state="failed", found=_told(error), fix=error.fix or "")
    else:
        yield Check(name="server", state="ok", found=f"{settings.server}, mlwright {health.version}")


def _extras() -> Iterator[Check]:
    """Look for the packages of each extra, as the distribution's own metadata lists them."""
    from importlib import metadata

    wanted: dict[str, list[str]] = {}
    if not _installed("mlwright"):
        fix = "pip install -e . in the source tree"
        yield Check(name="install", state="warning", found="runs from a source tree that isn't installed", fix=fix)
        return
    for line in metadata.requires("mlwright") or []:
        requirement, _, marker = line.partition(";")
        if "extra ==" in marker:
            extra = marker.rpartition("extra ==")[2].strip().strip("'\"")
            name = requirement.split("[")[0].split("<")[0].split(">")[0].split("=")[0].split("!")[0].strip()
            wanted.setdefault(extra, []).append(name)
    for extra in ("ml", "postgres", "examples"):
        missing = [name for name in wanted.get(extra, []) if name != "mlwright" and not _installed(name)]
        if missing:
            fix = f"pip install 'mlwright[{extra}]' (only if you need it)"
            yield Check(name=f"extra {extra}", state="warning", found=f"missing: {', '.join(missing)}", fix=fix)
        else:
            yield Check(name=f"extra {extra}", state="ok", found="installed")


def _adapters() -> Iterator[Check]:
    from mlwright.core.adapters import installation, missing_packages, specs

    for spec in specs():
        missing = missing_packages(spec)
        name = f"{spec.port} {spec.name}"
        if missing:
            fix = f"{installation(spec)} (only if you need it)"
            yield Check(name=name, state="warning", found=f"missing: {', '.join(missing)}", fix=fix)
        else:
            yield Check(name=name, state="ok", found="ready")


def _installed(distribution: str) -> bool:
    from importlib import metadata

    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder if os.path.isdir(folder) else folder.parent


def _told(error: MlwrightError) -> str:
    return f"{error.what} {error.why or ''}".strip()
