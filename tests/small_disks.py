"""File systems of a few MiB, which can be filled, and made larger."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to mount a file system or to become another user")


@contextmanager
def small_disk(folder: Path, *, size: str) -> Iterator[Path]:
    """Mount a file system in memory while a block runs; where that is not allowed, the test is skipped."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def give_room(folder: Path, *, size: str) -> None:
    """Make a file system larger."""
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
