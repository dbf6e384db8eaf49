"""Folders as MLflow's file store writes them, made by hand: no MLflow is needed to read them."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

START_MS = 1_700_000_000_000


class Folder:
    """A folder `mlruns`.

    Args:
        root: Where; it is made.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.experiment("0", "Default")

    def experiment(self, id_: str, name: str, *, tags: dict[str, str] | None = None) -> Path:
        """Make an experiment."""
        home = self.root / id_
        write(
            home / "meta.yaml", fields(experiment_id=id_, name=name, lifecycle_stage="active", creation_time=START_MS)
        )
        for key, value in (tags or {}).items():
            write(home / "tags" / key, value)
        return home

    def run(self, id_: str, name: str, *, experiment: str = "0", status: int = 3, later_s: int = 0) -> Path:
        """Make a run that has a param, a tag, a metric of three points and a file."""
        home = self.root / experiment / id_
        start = START_MS + later_s * 1000
        end = {"end_time": start + 5000} if status != 1 else {}
        told = fields(
            run_id=id_,
            run_name=name,
            status=status,
            start_time=start,
            lifecycle_stage="active",
            user_id="ann",
            artifact_uri=str(home / "artifacts"),
            **end,
        )
        write(home / "meta.yaml", told)
        write(home / "params" / "lr", "0.1")
        write(home / "tags" / "owner", "ann")
        write(home / "metrics" / "loss", "".join(f"{start + step} {1 / (1 + step)} {step}\n" for step in range(3)))
        write(home / "artifacts" / "notes" / "a.txt", f"of {name}")
        return home

    def version(self, name: str, version: int, *, run: Path, stage: str = "None") -> None:
        """Make a version of a registered model of a run's folder `notes`."""
        home = self.root / "models" / name
        write(home / "meta.yaml", fields(name=name, creation_timestamp=START_MS, description="finds: defects"))
        told = fields(
            name=name,
            version=version,
            creation_timestamp=START_MS + version,
            run_id=run.name,
            source=str(run / "artifacts" / "notes"),
            current_stage=stage,
            status="READY",
        )
        write(home / f"version-{version}" / "meta.yaml", told)

    def alias(self, name: str, alias: str, version: int) -> None:
        """Let an alias point at a version."""
        write(self.root / "models" / name / "aliases" / alias, str(version))


def fields(**values: object) -> str:
    """Return fields as a meta.yaml has them; JSON's texts are texts of YAML too."""
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items())


def write(file: Path, text: str) -> None:
    """Write a file and the folders above it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def told(report: msgspec.Struct) -> str:
    """Return a report as text, to look for what must not be in it."""
    return msgspec.json.encode(report).decode()
