"""What a step is given: the sources of the IR, with parameters and results put in."""

from __future__ import annotations

from typing import Any

from mlwright.pipelines.port import Input, Many, Named, Plain, Stored, StoredValue
from mlwright.pipelines.spec import FromDict, FromList, FromParameter, FromStep, Source

#: Outputs by step and name.
Results = dict[str, dict[str, StoredValue]]


def given(source: Source, arguments: dict[str, Any], results: Results) -> Input:
    """Return what a source stands for in a run.

    Args:
        source: From the IR.
        arguments: The pipeline's parameters as bound.
        results: Outputs of the steps that have run; those that the source names must be there.
    """
    if isinstance(source, FromStep):
        value = results[source.step][source.output]
        return Stored(digest=value.digest, codec=value.codec)
    if isinstance(source, FromParameter):
        return Plain(value=arguments[source.name])
    if isinstance(source, FromList):
        return Many(items=[given(item, arguments, results) for item in source.items])
    if isinstance(source, FromDict):
        return Named(items={name: given(item, arguments, results) for name, item in source.items.items()})
    return Plain(value=source.value)
