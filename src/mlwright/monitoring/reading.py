"""Collecting what a monitor looks at: rows, labels, the serving version and its profile."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mlwright.core.clock import as_utc
from mlwright.ledger import delivery
from mlwright.ledger import monitoring as rows
from mlwright.monitoring.measuring import Window
from mlwright.monitoring.profiles import Profile, read_profile
from mlwright.monitoring.values import LABELLED, Monitor
from mlwright.monitoring.windows import windows_of
from mlwright.registry import ModelVersion, get_version, load_profile
from mlwright.serving import inference_log

if TYPE_CHECKING:
    from mlwright.project import Project
    from mlwright.serving import Predictions


class Reader:
    """Reads for one round of evaluations: monitors that look at the same thing share what was read.

    Args:
        project: Whose traffic.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._versions: dict[str, tuple[ModelVersion, Profile | None]] = {}
        self._last: tuple[tuple[object, ...], Predictions] | None = None

    def window(self, monitor: Monitor, span: tuple[datetime, datetime], at: datetime) -> Window | None:
        """Return what a monitor looks at, None when no version served at the time of the evaluation.

        Args:
            monitor: The monitor.
            span: Beginning and end of the window.
            at: When it is evaluated; labels that came later are left out.
        """
        with self._project.ledger.read() as connection:
            model, number = delivery.serving_at(connection, monitor.deployment, at)
            declared = delivery.find_deployment(connection, monitor.deployment)
        if number is None:
            return None
        version, profile = self._version(f"{model}/{number}")
        if monitor.kind == "staleness":
            return self._staleness(monitor, version, profile, at)
        known_by = at if monitor.kind in LABELLED else None
        found = self._rows(monitor.deployment, span, known_by)
        extra = frozenset(declared.spec.get("extra_columns", ())) if declared else frozenset()
        return Window(rows=found, until=span[1], version=number, profile=profile, extra_columns=extra)

    def _staleness(self, monitor: Monitor, version: ModelVersion, profile: Profile | None, at: datetime) -> Window:
        trained_until = version.lineage.get("trained_until")
        since = version.created_at if trained_until is None else as_utc(datetime.fromisoformat(trained_until))
        with self._project.ledger.read() as connection:
            newer = rows.count_labels(connection, monitor.deployment, since=since, known_by=at)
        return Window(
            rows=inference_log.scan(self._project, monitor.deployment, at, at, features=False),
            until=at,
            version=version.version,
            profile=profile,
            training_rows=int(version.metrics.get("training_rows", profile.rows if profile else 0)),
            new_labels=newer,
        )

    def _rows(self, deployment: str, span: tuple[datetime, datetime], known_by: datetime | None) -> Predictions:
        key = (deployment, span, known_by)
        if self._last is None or self._last[0] != key:
            self._last = (key, windows_of(self._project).read(deployment, *span, known_by=known_by))
        return self._last[1]

    def _version(self, ref: str) -> tuple[ModelVersion, Profile | None]:
        if ref not in self._versions:
            version = get_version(self._project, ref)
            self._versions[ref] = version, read_profile(load_profile(self._project, version))
        return self._versions[ref]
