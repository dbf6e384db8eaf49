"""A filled project, served from a thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from filled import filled as filled
from filled import local as local
from mlwright.api.client import RemoteClient
from mlwright.project import Project
from mlwright.server.main import background


@pytest.fixture
def url(filled: Project) -> Iterator[str]:
    """Where the filled project is served."""
    with background(filled) as found:
        yield found


@pytest.fixture
def remote(url: str) -> Iterator[RemoteClient]:
    """Calls endpoints of the served project over HTTP."""
    with RemoteClient(url, actor="user:far") as client:
        yield client
