"""Running commands in a folder, in this process or in one of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from filled import filled as filled
from filled import local as local
from mlwright.cli.main import main


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    talk: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ended]


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
