"""Settings: where each value comes from, and the one resolver.

A setting is taken from the first of these that has it: an explicit argument, the environment (`MLWRIGHT_<NAME>`), the
project file (`mlwright.toml`, found in the working directory or a parent of it), the default. `mlwright doctor` shows
value and source of each.
"""

from __future__ import annotations

import getpass
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlwright.errors import InvalidUsage, did_you_mean

PROJECT_FILE = "mlwright.toml"
HOME_NAME = ".mlwright"
DEFAULT_PORT = 8300
#: What can be captured with the run of a script.
CAPTURED = ("code", "environment", "output", "system")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that says where a project's ledger, artifacts and server are.

    Attributes:
        root: The project's folder.
        home: Folder of the embedded ledger, artifacts and working files.
        ledger: Database URL: `sqlite:///<path>` or `postgresql://...`. Its password is never shown (see `redact`).
        artifacts: Folder or URL of the artifact store.
        host: Address that `mlwright up` binds; loopback by default.
        port: Port that `mlwright up` binds.
        server: URL of a running server; when set, commands talk to it instead of the ledger.
        actor: Who acts, for example `user:alice`.
        durability: `full` survives a power cut at each commit, `normal` survives a killed process.
        executor: Name of the executor that runs steps.
        capture: What is captured with the run of a script: `all`, `none`, or some of `code`, `environment`, `output`
            and `system`, with commas between.
        roles: Role to the actors that have it: who may approve what. In the environment `reviewer=user:ada,user:bob`,
            further roles after a semicolon. Nobody proves who they are yet: this is order among people who trust each
            other, not protection.
        sources: For each name above, where the value came from.
    """

    root: Path
    home: Path
    ledger: str
    artifacts: str
    host: str
    port: int
    server: str
    actor: str
    durability: str
    executor: str
    capture: str
    roles: dict[str, list[str]]
    sources: dict[str, str]


NAMES = tuple(name for name in Settings.__struct_fields__ if name not in ("root", "sources"))


def resolve(start: Path | None = None, *, environ: Mapping[str, str] | None = None, **explicit: Any) -> Settings:
    """Find the project and return its settings.

    Args:
        start: Where to look for the project file from; the working directory by default.
        environ: Environment to read; the process's own by default.
        explicit: Values that win over everything else; None counts as not given.

    Raises:
        InvalidUsage: The project file isn't TOML, or names a setting that doesn't exist.
    """
    environ = os.environ if environ is None else environ
    root, project = _find_project((start or Path.cwd()).resolve())
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}

    def take(name: str, default: Any) -> Any:
        variable = f"MLWRIGHT_{name.upper()}"
        if explicit.get(name) is not None:
            values[name], sources[name] = explicit[name], "argument"
        elif environ.get(variable):
            values[name], sources[name] = environ[variable], f"environment {variable}"
        elif name in project:
            values[name], sources[name] = project[name], f"{root / PROJECT_FILE}"
        else:
            values[name], sources[name] = default, "default"
        return values[name]

    home = Path(take("home", root / HOME_NAME))
    values["home"] = home = home if home.is_absolute() else root / home
    take("ledger", f"sqlite:///{home / 'ledger.db'}")
    take("artifacts", str(home / "artifacts"))
    take("host", "127.0.0.1")
    take("port", DEFAULT_PORT)
    take("server", "")
    take("actor", f"user:{_user_name()}")
    take("durability", "full")
    take("executor", "process")
    take("capture", "all")
    _check_capture(values["capture"], sources["capture"])
    values["roles"] = _roles(take("roles", {}), sources["roles"])
    if values["durability"] not in ("full", "normal"):
        raise InvalidUsage(
            f"the setting durability is '{values['durability']}'.",
            why=f"it comes from {sources['durability']}",
            fix="set it to full or normal",
        )
    try:
        values["port"] = int(values["port"])
    except (TypeError, ValueError):
        raise InvalidUsage(
            f"the setting port is '{values['port']}', which is no number.", why=f"it comes from {sources['port']}"
        ) from None
    return Settings(root=root, sources=sources, **values)


def redact(url: str) -> str:
    """Return a URL without its password, fit to be shown.

    Example:
        >>> redact("postgresql://ada:secret@db/ml")
        'postgresql://ada:***@db/ml'
    """
    scheme, mark, rest = url.partition("://")
    credentials, at, host = rest.rpartition("@")
    if not at or ":" not in credentials:
        return url
    return f"{scheme}{mark}{credentials.split(':', 1)[0]}:***@{host}"


def _roles(given: Any, source: str) -> dict[str, list[str]]:
    """Return roles as the project file declares them, or as the environment's one line does."""
    if isinstance(given, str):
        pairs = [part.partition("=") for part in given.split(";") if part.strip()]
        given = {role.strip(): [actor.strip() for actor in actors.split(",")] for role, _, actors in pairs}
    try:
        roles = msgspec.convert(given, dict[str, list[str]])
    except msgspec.ValidationError as error:
        raise InvalidUsage(
            "the setting roles is wrong.", why=f"{error}; it comes from {source}", fix='write reviewer = ["user:ada"]'
        ) from error
    for role, actors in roles.items():
        if not role or not all(actors) or not actors:
            raise InvalidUsage(
                f"the setting roles gives the role '{role}' to nobody.",
                why=f"it comes from {source}",
                fix='write reviewer = ["user:ada"]',
            )
    return roles


def _find_project(start: Path) -> tuple[Path, dict[str, Any]]:
    for folder in (start, *start.parents):
        path = folder / PROJECT_FILE
        if path.is_file():
            try:
                values = tomllib.loads(path.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise InvalidUsage(f"{path} can't be read.", why=str(error), fix="correct the TOML") from error
            unknown = [name for name in values if name not in NAMES]
            if unknown:
                raise InvalidUsage(
                    f"{path} names an unknown setting '{unknown[0]}'.", fix=did_you_mean(unknown[0], list(NAMES))
                )
            return folder, values
        if (folder / HOME_NAME).is_dir():
            return folder, {}
    return start, {}


def _check_capture(value: str, source: str) -> None:
    for part in str(value).split(","):
        if value not in ("all", "none") and part not in CAPTURED:
            raise InvalidUsage(
                f"the setting capture is '{value}'.",
                why=f"it comes from {source}",
                fix=f"set it to all, none, or some of {','.join(CAPTURED)}",
            )


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
