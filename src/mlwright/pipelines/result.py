"""What a run gave, read from the ledger and the artifact store when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mlwright.core.ids import short
from mlwright.errors import InvalidUsage, RunFailed
from mlwright.ledger import runs, steps
from mlwright.pipelines.execution import load_input
from mlwright.pipelines.inputs import Results, given
from mlwright.pipelines.port import StoredValue
from mlwright.pipelines.spec import PipelineSpec
from mlwright.project import Project


def open_result(project: Project, run: str) -> RunResult:
    """Return what a run of a pipeline gave, or how far it has come.

    Args:
        project: Where it is.
        run: Its id, a part of the id, or `@latest`.

    Raises:
        NotFound: There is no such run.
        InvalidUsage: It is the run of a script, which has no outputs.
    """
    with project.ledger.read() as connection:
        row = runs.find_run(connection, run)
        stored = steps.outputs_of(connection, row.id)
    return RunResult(project, row, spec_of(project, row), results_of(stored))


def spec_of(project: Project, row: runs.RunRow) -> PipelineSpec:
    """Return the representation of the pipeline that a run runs."""
    if row.ir_digest is None:
        raise InvalidUsage(
            f"run {short(row.id)} is the run of a script, not of a pipeline.", fix="mlwright runs lists both"
        )
    return PipelineSpec.from_json(project.store.read(row.ir_digest))


def results_of(stored: dict[str, list[steps.StoredOutput]]) -> Results:
    """Return committed outputs as the engine keeps them."""
    return {
        step: {output.name: msgspec.convert(msgspec.structs.asdict(output), StoredValue) for output in outputs}
        for step, outputs in stored.items()
    }


class RunResult:
    """A run that has ended, and what it gave.

    Attributes:
        run_id: The run.
        status: succeeded, failed or cancelled (running, when another process runs it).
        error: Why it failed: code, what, why, fix, steps.
    """

    def __init__(self, project: Project, row: runs.RunRow, spec: PipelineSpec, results: Results) -> None:
        self._project = project
        self._spec = spec
        self._results = results
        self._arguments = row.arguments
        self.run_id = row.id
        self.status = row.status
        self.error = row.error

    def __repr__(self) -> str:
        return f"<run {short(self.run_id)} of {self._spec.name}: {self.status}>"

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The pipeline's outputs by name; each is loaded when it is asked for."""
        self.raise_for_status()
        return _Outputs(self)

    @property
    def result(self) -> Any:
        """What the pipeline's function returns: one value, a tuple or a dict of them, or None.

        Raises:
            RunFailed: The run didn't succeed.
        """
        outputs = self.outputs
        if self._spec.result == "single":
            return next(iter(outputs.values()))
        if self._spec.result == "tuple":
            return tuple(outputs.values())
        return dict(outputs) if self._spec.result == "dict" else None

    def raise_for_status(self) -> None:
        """Raise why the run didn't succeed.

        Raises:
            RunFailed: It failed or was cancelled.
        """
        if self.status == "succeeded":
            return
        error = self.error or {}
        raise RunFailed(
            f"run {short(self.run_id)} of '{self._spec.name}' {self.status}: {error.get('what', 'it has no result.')}",
            why=error.get("why"),
            fix=error.get("fix"),
            run_id=self.run_id,
            steps=error.get("steps", {}),
        )

    def load(self, name: str) -> Any:
        """Return one output of the pipeline."""
        source = self._spec.outputs[name]
        pickled = any(node.allow_pickle for node in self._spec.nodes)
        return load_input(given(source, self._arguments, self._results), self._project.store, allow_pickle=pickled)

    def names(self) -> list[str]:
        """Return the names of the pipeline's outputs."""
        return list(self._spec.outputs)


class _Outputs(Mapping[str, Any]):
    def __init__(self, result: RunResult) -> None:
        self._result = result

    def __getitem__(self, name: str) -> Any:
        if name not in self._result.names():
            raise KeyError(name)
        return self._result.load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._result.names())

    def __len__(self) -> int:
        return len(self._result.names())

    def __repr__(self) -> str:
        return f"<outputs {', '.join(self)}>"
