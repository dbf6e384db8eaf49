"""Where the files of a new version come from: a logged model, a run, another version, or somewhere else.

MLflow's clients name them by URI. What lies in this server's own store is found and kept with the version, so that the
version never changes; of what lies elsewhere only the URI is known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

import msgspec

from mlwright.artifacts.trees import Entry
from mlwright.errors import InvalidInput, NotFound
from mlwright.ledger import logged_models, registry_edits
from mlwright.server.mlflow import paths, places
from mlwright.server.mlflow.logged_models import uri_of

if TYPE_CHECKING:
    from mlwright.artifacts.port import ArtifactStore
    from mlwright.ledger import Connection
    from mlwright.ledger.registry_edits import Registered

#: MLflow's stages; what a client writes means the one that it equals but for capitals.
STAGES = ("None", "Staging", "Production", "Archived")
_LOGGED = re.compile(r"m-[0-9a-zA-Z]+")
#: Schemes of URIs that a server would have to trust the host of.
_HOSTS = ("http", "https", "ftp", "sftp")
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version comes from.

    Attributes:
        uri: What the client named it by, made definite.
        run_id: The run that made the model; empty when it isn't known.
        model_id: The logged model that it is; empty when it is none.
        entries: Its files, when they are in this server's store; paths begin at the model's folder.
        version: The version that it is a copy of.
    """

    uri: str
    run_id: str = ""
    model_id: str = ""
    entries: list[Entry] = []
    version: Registered | None = None


class Given(msgspec.Struct, frozen=True):
    """What a client says of a new version's source; None where it says nothing."""

    source: str
    run_id: str | None = None
    model_id: str | None = None


def resolve(store: ArtifactStore, connection: Connection, given: Given) -> Source:
    """Return where a version comes from.

    Raises:
        InvalidInput: The URI leads out of its place, names a file of this machine, or names another run or model than
            the one it is said to be of.
        NotFound: The model, version or alias that it names doesn't exist.
    """
    _check_plain(given.source)
    scheme = urlsplit(given.source).scheme
    if scheme == "models":
        return _of_models(store, connection, given)
    if scheme == "runs":
        return _of_runs(store, connection, given)
    path = paths.path_of(given.source)
    if path is not None:
        return _of_path(store, connection, given, path)
    if scheme in _HOSTS:
        raise _refused(given.source, f"'{scheme}' names a host that artifacts are not fetched from")
    return Source(uri=given.source, run_id=_run_of(connection, given), model_id=given.model_id or "")


def named_version(connection: Connection, name: str, which: str) -> Registered:
    """Return the version that a client means: a number, a stage, or `latest`.

    Raises:
        NotFound: There is none.
    """
    if which.isascii() and which.isdecimal():
        return registry_edits.the_version(connection, name, int(which[:12]))
    found = registry_edits.the_model(connection, name).latest
    if which.lower() != "latest":
        stage = stage_of(which)
        found = [each for each in found if each.row.stage == stage]
    if not found:
        raise NotFound(f"No versions of model with name '{name}' and stage '{which}' found")
    return max(found, key=lambda each: each.row.version)


def aliased_version(connection: Connection, name: str, alias: str) -> Registered:
    """Return the version that an alias points at; `latest` is the newest one.

    Raises:
        NotFound: There is no such model.
        InvalidInput: The alias isn't set.
    """
    if alias.lower() == "latest":
        return named_version(connection, name, "latest")
    version = registry_edits.the_model(connection, name).aliases.get(alias)
    if version is None:
        raise InvalidInput(f"Registered model alias {alias} not found.")
    return registry_edits.the_version(connection, name, version)


def stage_of(text: str) -> str:
    """Return the stage that a text means.

    Raises:
        InvalidInput: There is none such.
    """
    for stage in STAGES:
        if stage.lower() == text.lower():
            return stage
    raise InvalidInput(f"Invalid Model Version stage: {text}. Value must be one of {', '.join(STAGES)}.")


def _of_models(store: ArtifactStore, connection: Connection, given: Given) -> Source:
    rest = urlsplit(given.source).path.strip("/")
    if urlsplit(given.source).netloc or not rest:
        raise _refused(given.source, "it has to be of this registry")
    if _LOGGED.fullmatch(rest):
        if given.model_id != rest:
            raise _refused(given.source, "model_id has to be that of the source")
        return _of_logged(store, connection, given, rest)
    name, mark, which = rest.partition("@") if "@" in rest else rest.partition("/")
    if not name or not mark or not which:
        raise _refused(given.source, "write models:/<name>/<version>, models:/<name>@<alias> or models:/<model_id>")
    found = aliased_version(connection, name, which) if mark == "@" else named_version(connection, name, which)
    run_id, model_id = found.run_id, found.row.logged_model_id or ""
    if given.run_id not in (None, "", run_id) or given.model_id not in (None, "", model_id):
        raise _refused(given.source, "run_id and model_id have to be those of the version")
    uri = f"models:/{name}/{found.row.version}"
    return Source(uri=uri, run_id=run_id, model_id=model_id, version=found)


def _of_logged(store: ArtifactStore, connection: Connection, given: Given, model_id: str) -> Source:
    try:
        row = logged_models.find(connection, model_id)
    except NotFound as error:
        raise _refused(given.source, "there is no such logged model") from error
    path = paths.path_of(uri_of(row))
    entries = [] if path is None else places.all_below(store, connection, places.locate(connection, path))
    return Source(uri=given.source, run_id=given.run_id or row.run_id or "", model_id=model_id, entries=entries)


def _of_runs(store: ArtifactStore, connection: Connection, given: Given) -> Source:
    run_id, _, name = urlsplit(given.source).path.strip("/").partition("/")
    if urlsplit(given.source).netloc or not run_id or given.run_id != run_id:
        raise _refused(given.source, "run_id has to be that of the source")
    try:
        _, place = places.run_place(connection, run_id, paths.checked_path(name))
    except NotFound:
        # A client may name runs of another tracker, as MLflow's server lets it.
        return Source(uri=given.source, run_id=run_id)
    return Source(uri=given.source, run_id=run_id, entries=places.all_below(store, connection, place))


def _of_path(store: ArtifactStore, connection: Connection, given: Given, path: str) -> Source:
    place = places.locate(connection, path)
    if given.model_id:
        if f"/models/{given.model_id}/artifacts/" not in f"/{path}/":
            raise _refused(given.source, "model_id has to be that of the source")
        source = _of_logged(store, connection, given, given.model_id)
        return msgspec.structs.replace(source, entries=places.all_below(store, connection, place))
    if not given.run_id or place.run_id != given.run_id:
        raise _refused(given.source, "run_id has to be that of the run that the source belongs to")
    return Source(uri=given.source, run_id=given.run_id, entries=places.all_below(store, connection, place))


def _run_of(connection: Connection, given: Given) -> str:
    if given.run_id or not given.model_id:
        return given.run_id or ""
    try:
        return logged_models.find(connection, given.model_id).run_id or ""
    except NotFound as error:
        raise _refused(given.source, "there is no such logged model") from error


def _check_plain(source: str) -> None:
    """Refuse a URI that leads upwards, however often it was quoted, and one of this machine's own files."""
    text = source
    for _ in range(paths.MOST_QUOTED):
        if (once := unquote_plus(text)) == text:
            break
        text = once
    if "\0" in text or "\\" in text or ".." in re.split(r"[/?#;&=]", text):
        raise _refused(source, "it has to be absolute, without parts that lead upwards")
    try:
        parts = urlsplit(source)
    except ValueError as error:
        raise _refused(source, str(error)) from error
    if parts.scheme in ("", "file") or _WINDOWS.match(source):
        raise _refused(source, "files of this machine are no source; log them to a run first")


def _refused(source: str, why: str) -> InvalidInput:
    return InvalidInput(f"Invalid model version source: '{source}'.", why=why)
