"""An MLflow tracking server as a source of an import, read by its REST API alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

from mlwright.errors import InvalidInput, NotFound
from mlwright.ledger.datasets import Dataset
from mlwright.migration.port import (
    DatasetUse,
    ExperimentFound,
    FileFound,
    Latest,
    LoggedFound,
    ModelFound,
    ModelLink,
    ModelPoint,
    Place,
    PointFound,
    RunFound,
    VersionFound,
)
from mlwright.migration.speaking import ARTIFACTS, Speaker
from mlwright.migration.values import checked_path, logged_status_of, status_of, unclipped, version_status_of

_PAGE = 1000
_RUNS = 200
_POINTS = 25_000
_EXPERIMENTS_AT_ONCE = 100
_LOGGED = 100


class ServerSource:
    """Reads a server, whichever store is behind it.

    Args:
        uri: The server's address.
        artifacts: Not used: a server hands its artifacts out itself.
    """

    def __init__(self, uri: str, *, artifacts: str = "") -> None:
        self._speaker = Speaker(uri)
        self.location = self._speaker.describe()

    def close(self) -> None:
        """Give back the connections."""
        self._speaker.close()

    def experiments(self) -> list[ExperimentFound]:
        """Return all experiments; see `Source`."""
        found = self._speaker.search("experiments/search", "experiments", view_type="ALL", max_results=_PAGE)
        return [
            ExperimentFound(
                id=str(one["experiment_id"]),
                name=str(one["name"]),
                tags=_pairs(one.get("tags")),
                created_ms=_int(one.get("creation_time")),
                changed_ms=_int(one.get("last_update_time")),
                is_deleted=one.get("lifecycle_stage") == "deleted",
            )
            for one in found
        ]

    def runs(self, experiment_ids: list[str]) -> Iterator[RunFound]:
        """Go through runs in the order of their beginnings; see `Source`."""
        for start in range(0, len(experiment_ids), _EXPERIMENTS_AT_ONCE):
            found = self._speaker.search(
                "runs/search",
                "runs",
                experiment_ids=experiment_ids[start : start + _EXPERIMENTS_AT_ONCE],
                run_view_type="ALL",
                max_results=_RUNS,
                order_by=["attributes.start_time ASC"],
            )
            for one in found:
                yield _run(one)

    def points(self, run: RunFound, key: str) -> Iterator[list[PointFound]]:
        """Go through a metric's points; see `Source`."""
        pages = self._speaker.pages(
            "metrics/get-history", "metrics", run_id=run.id, metric_key=key, max_results=_POINTS
        )
        for page in pages:
            yield [(_int(one.get("step")), _int(one.get("timestamp")), _value(one.get("value"))) for one in page]

    def logged_models(self, experiment_ids: list[str]) -> Iterator[LoggedFound]:
        """Go through logged models; a server that is older than they are has none."""
        try:
            for start in range(0, len(experiment_ids), _EXPERIMENTS_AT_ONCE):
                wanted = experiment_ids[start : start + _EXPERIMENTS_AT_ONCE]
                found = self._speaker.search(
                    "logged-models/search", "models", experiment_ids=wanted, max_results=_LOGGED
                )
                yield from (_logged(one) for one in found)
        except NotFound:
            return

    def models(self) -> Iterator[ModelFound]:
        """Go through the registered models; see `Source`."""
        for page in self._speaker.pages("registered-models/search", "registered_models", max_results=_LOGGED):
            for one in page:
                # The search leaves the aliases of some models out.
                whole = self._speaker.get("registered-models/get", name=one["name"]).get("registered_model", one)
                yield ModelFound(
                    name=str(whole["name"]),
                    created_ms=_int(whole.get("creation_timestamp")),
                    description=str(whole.get("description") or ""),
                    tags=_pairs(whole.get("tags")),
                    aliases={str(each["alias"]): _int(each["version"]) for each in whole.get("aliases") or []},
                    versions=sorted(self._versions(str(whole["name"])), key=lambda version: version.version),
                )

    def files(self, place: Place) -> list[FileFound]:
        """Return all files at a place; see `Source`."""
        found: list[FileFound] = []
        folders = [""]
        while folders:
            folder = folders.pop()
            for one in self._listed(place, folder):
                path = checked_path(str(one["path"]))
                if one.get("is_dir"):
                    folders.append(path)
                else:
                    size = one.get("file_size")
                    found.append(FileFound(path, None if size is None else _int(size)))
        return sorted(found, key=lambda file: file.path)

    def fetch(self, place: Place, path: str, file: BinaryIO) -> None:
        """Download a file; see `Source`."""
        root = _served(place.uri)
        if root is not None:
            self._speaker.download(f"{ARTIFACTS}/{quote(f'{root}/{path}')}", file)
        elif place.kind == "run":
            self._speaker.download("/get-artifact", file, run_uuid=place.owner, path=path)
        else:
            name = f"/ajax-api/2.0/mlflow/logged-models/{quote(place.owner)}/artifacts/files"
            self._speaker.download(name, file, artifact_file_path=path)

    def _listed(self, place: Place, folder: str) -> Iterator[dict[str, Any]]:
        """Go through a folder of a place; the paths begin at the place."""
        root = _served(place.uri)
        if root is not None:
            whole = f"{root}/{folder}" if folder else root
            for one in self._speaker.get(ARTIFACTS, path=whole).get("files", []):
                # Servers of old tell whole paths, others only the names.
                name = str(one["path"]).rstrip("/").rsplit("/", 1)[-1]
                yield {**one, "path": f"{folder}/{name}" if folder else name}
        elif place.kind == "run":
            for page in self._speaker.pages("artifacts/list", "files", run_id=place.owner, path=folder or None):
                yield from page
        elif place.kind == "model":
            name = f"logged-models/{quote(place.owner)}/artifacts/directories"
            for page in self._speaker.pages(name, "files", artifact_directory_path=folder or None):
                yield from page
        else:
            raise NotFound(f"the files of {place.owner} are out of reach.", why=f"they are at {place.uri}")

    def _versions(self, name: str) -> Iterator[VersionFound]:
        quoted = "'" + name.replace("'", "''") + "'"
        pages = self._speaker.pages(
            "model-versions/search", "model_versions", filter=f"name={quoted}", max_results=_PAGE
        )
        for page in pages:
            for one in page:
                if one["name"] == name:
                    yield self._version(one)

    def _version(self, one: dict[str, Any]) -> VersionFound:
        where = {"name": one["name"], "version": one["version"]}
        uri = str(self._speaker.get("model-versions/get-download-uri", **where).get("artifact_uri") or "")
        source = str(one.get("source") or "")
        return VersionFound(
            version=_int(one["version"]),
            created_ms=_int(one.get("creation_timestamp")),
            source=source,
            files_uri=uri or source,
            run_id=str(one.get("run_id") or ""),
            run_link=str(one.get("run_link") or ""),
            model_id=str(one.get("model_id") or "") or model_named(source),
            description=str(one.get("description") or ""),
            user=str(one.get("user_id") or ""),
            stage=str(one.get("current_stage") or "None"),
            status=version_status_of(one.get("status")),
            tags=_pairs(one.get("tags")),
        )


def model_named(source: str) -> str:
    """Return the logged model that a version's source names, empty when it names none."""
    rest = source.removeprefix("models:/")
    return rest if rest != source and rest.startswith("m-") and "/" not in rest else ""


def _run(one: dict[str, Any]) -> RunFound:
    info, data = one["info"], one.get("data") or {}
    ended = info.get("end_time")
    taken = [_link(each, "input") for each in (one.get("inputs") or {}).get("model_inputs") or []]
    made = [_link(each, "output") for each in (one.get("outputs") or {}).get("model_outputs") or []]
    return RunFound(
        id=str(info.get("run_id") or info["run_uuid"]),
        experiment_id=str(info["experiment_id"]),
        name=str(info.get("run_name") or ""),
        status=status_of(info.get("status") or "RUNNING"),
        started_ms=_int(info.get("start_time")),
        ended_ms=_int(ended) if ended else None,
        user=str(info.get("user_id") or ""),
        is_deleted=info.get("lifecycle_stage") == "deleted",
        artifact_uri=str(info.get("artifact_uri") or ""),
        params=_pairs(data.get("params")),
        tags=_pairs(data.get("tags")),
        latest=[
            Latest(
                key=str(each["key"]),
                step=_int(each.get("step")),
                at_ms=_int(each.get("timestamp")),
                value=_value(each.get("value")),
            )
            for each in data.get("metrics") or []
        ],
        datasets=[_dataset(each) for each in (one.get("inputs") or {}).get("dataset_inputs") or []],
        models=taken + made,
    )


def _link(one: dict[str, Any], role: Any) -> ModelLink:
    return ModelLink(model_id=str(one["model_id"]), role=role, step=_int(one.get("step")))


def _dataset(one: dict[str, Any]) -> DatasetUse:
    told = one.get("dataset") or {}
    names = Dataset.__struct_fields__
    return DatasetUse(
        dataset=Dataset(**{name: str(told.get(name) or "") for name in names}), tags=_pairs(one.get("tags"))
    )


def _logged(one: dict[str, Any]) -> LoggedFound:
    info, data = one["info"], one.get("data") or {}
    return LoggedFound(
        id=str(info["model_id"]),
        experiment_id=str(info["experiment_id"]),
        name=str(info.get("name") or ""),
        status=logged_status_of(info.get("status")),
        status_message=str(info.get("status_message") or ""),
        artifact_uri=str(info.get("artifact_uri") or ""),
        created_ms=_int(info.get("creation_timestamp_ms")),
        changed_ms=_int(info.get("last_updated_timestamp_ms")),
        model_type=str(info.get("model_type") or ""),
        run_id=str(info.get("source_run_id") or ""),
        params=_pairs(data.get("params")),
        tags=_pairs(info.get("tags")),
        metrics=[
            ModelPoint(
                key=str(each["key"]),
                value=_value(each.get("value")),
                step=_int(each.get("step")),
                at_ms=_int(each.get("timestamp")),
                run_id=str(each.get("run_id") or ""),
                dataset_name=str(each.get("dataset_name") or ""),
                dataset_digest=str(each.get("dataset_digest") or ""),
            )
            for each in data.get("metrics") or []
        ],
    )


def _pairs(found: Any) -> dict[str, str]:
    return {str(one["key"]): str(one.get("value") or "") for one in found or [] if "key" in one}


def _int(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the server told {value!r} where a whole number belongs.") from error


def _value(value: Any) -> float:
    # JSON has no words for these; MLflow's answers have them as texts. A value that is 0 is left out by some.
    try:
        return unclipped(float(value if value is not None else 0.0))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the server told {value!r} where a number belongs.") from error


def _served(uri: str) -> str | None:
    """Return the path below the server's artifacts that a URI names, None when they are elsewhere."""
    parts = urlsplit(uri)
    if parts.scheme == "mlflow-artifacts":
        return parts.path.strip("/")
    if parts.scheme in ("http", "https") and "/mlflow-artifacts/artifacts/" in parts.path:
        return parts.path.partition("/mlflow-artifacts/artifacts/")[2].strip("/")
    return None
