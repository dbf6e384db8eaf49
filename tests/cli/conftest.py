"""Running commands in a folder, in this process or in one of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commanding import Command, Ended

from filled import filled as filled
from filled import local as local
from mlwright.cli.main import main
from mlwright.core.settings import HOME_NAME


@pytest.fixture
def command(project_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process, in the project's folder."""
    monkeypatch.chdir(project_folder)

    def run(*words: str) -> Ended:
        code = main(words)
        out, talk = capsys.readouterr()
        return Ended(code, out, talk)

    return run


@pytest.fixture
def untouched(project_folder: Path) -> Path:
    """The project's folder as it is before mlwright was ever called in it."""
    shutil.rmtree(project_folder / HOME_NAME)
    return project_folder


@pytest.fixture
def spawn(project_folder: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a command in a process of its own, in the project's folder."""

    def start(*words: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mlwright", *words],
            cwd=project_folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    return start
