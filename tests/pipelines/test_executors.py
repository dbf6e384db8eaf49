"""The executors of this package, against the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlwright.adapters.executor.inline import InlineExecutor
from mlwright.adapters.executor.process import ProcessExecutor
from mlwright.pipelines.port import Executor
from mlwright.project import Project
from mlwright.testing.executors import ExecutorContract


class TestInlineExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self, project: Project) -> Iterator[Executor]:
        executor = InlineExecutor()
        yield executor
        executor.close()


class TestProcessExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self, project: Project) -> Iterator[Executor]:
        executor = ProcessExecutor()
        yield executor
        executor.close()
