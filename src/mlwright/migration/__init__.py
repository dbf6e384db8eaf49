"""Moving from MLflow and back: import of its stores, export to its servers."""

from __future__ import annotations

from mlwright.migration.context import Asked, Seen
from mlwright.migration.exporting import export_all, open_target
from mlwright.migration.importing import import_all, open_source
from mlwright.migration.report import Counts, Note, Report

__all__ = [
    "Asked",
    "Counts",
    "Note",
    "Report",
    "Seen",
    "export_all",
    "import_all",
    "open_source",
    "open_target",
]
