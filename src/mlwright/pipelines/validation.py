"""Checking a `PipelineSpec`, whoever wrote it, before anything of it runs."""

from __future__ import annotations

import re

from mlwright.core.graph import CycleError, topological_order
from mlwright.errors import InvalidDefinition, did_you_mean
from mlwright.pipelines.spec import FromParameter, FromStep, PipelineSpec, Source, leaves, upstream

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*(/[A-Za-z_][A-Za-z0-9_.\-]*)*")


def validate(spec: PipelineSpec) -> list[str]:
    """Check a pipeline as a whole; return its keys in an order in which they could run.

    Raises:
        InvalidDefinition: It names something that isn't there, names something twice, or runs in a circle.
    """
    _check_names(spec)
    parameters = {parameter.name for parameter in spec.parameters}
    outputs = {node.key: {output.name for output in node.outputs} for node in spec.nodes}
    for node in spec.nodes:
        where = f"step '{node.key}' of pipeline '{spec.name}'"
        for argument, source in node.inputs.items():
            _check_source(source, f"argument '{argument}' of {where}", parameters, outputs)
        for key in node.after:
            if key not in outputs:
                raise _unknown(f"{where} comes after", "step", key, list(outputs))
        if node.timeout_s is not None and node.timeout_s <= 0:
            raise InvalidDefinition(f"{where} has a timeout of {node.timeout_s} s.", fix="give more than 0")
    for name, source in spec.outputs.items():
        _check_source(source, f"output '{name}' of pipeline '{spec.name}'", parameters, outputs)
    try:
        return topological_order(upstream(spec))
    except CycleError as error:
        raise InvalidDefinition(
            f"the steps of pipeline '{spec.name}' wait for each other.",
            why=" -> ".join(error.path),
            fix="remove one of these dependencies",
            cycle=error.path,
        ) from None


def _check_names(spec: PipelineSpec) -> None:
    seen: set[str] = set()
    for kind, name in [("pipeline", spec.name), *(("step", node.key) for node in spec.nodes)]:
        if not NAME.fullmatch(name):
            raise InvalidDefinition(
                f"'{name}' is no name for a {kind}.", fix="use letters, digits, '_', '-' and '.', a letter first"
            )
        if kind == "step" and name in seen:
            raise InvalidDefinition(
                f"pipeline '{spec.name}' has two steps '{name}'.", fix="give one of them another key: .options(key=...)"
            )
        if kind == "step":
            seen.add(name)


def _check_source(source: Source, where: str, parameters: set[str], outputs: dict[str, set[str]]) -> None:
    for leaf in leaves(source):
        if isinstance(leaf, FromParameter) and leaf.name not in parameters:
            raise _unknown(f"{where} takes", "parameter", leaf.name, sorted(parameters))
        if isinstance(leaf, FromStep):
            if leaf.step not in outputs:
                raise _unknown(f"{where} takes", "step", leaf.step, list(outputs))
            if leaf.output not in outputs[leaf.step]:
                raise _unknown(f"{where} takes from '{leaf.step}'", "output", leaf.output, sorted(outputs[leaf.step]))


def _unknown(where: str, noun: str, name: str, known: list[str]) -> InvalidDefinition:
    return InvalidDefinition(
        f"{where} the {noun} '{name}', which does not exist.", fix=did_you_mean(name, known) or None
    )
