"""Gates that users wrote: a function, found again by its name wherever the gate is judged."""

from __future__ import annotations

import importlib
from typing import Any

import msgspec

from mlwright.errors import InvalidDefinition
from mlwright.registry.gate_kinds import FunctionGate, is_gate
from mlwright.registry.gates import Evaluation, Verdict
from mlwright.registry.values import ModelVersion


def judge_by_function(version: ModelVersion, gate: FunctionGate, evaluation: Evaluation | None) -> Verdict:
    """Return what a function says about a version.

    Raises:
        InvalidDefinition: There is no such function here.
    """
    function = _load(gate)
    try:
        said = function(version, evaluation, **gate.settings)
    except Exception as error:  # noqa: BLE001  # boundary: user code, the gate
        trouble = f"{type(error).__name__}: {error}".splitlines()[0]
        return Verdict(gate=gate.name, passed=False, numbers={}, reason=f"refused: {gate.function} raised {trouble}")
    if isinstance(said, Verdict):
        return msgspec.structs.replace(said, gate=gate.name, numbers=_plain(said.numbers))
    passed, why = said if isinstance(said, tuple) and len(said) == 2 else (said, "")
    # NumPy's booleans are no `bool`; anything else than a clear yes or no is a mistake in the gate.
    if str(type(passed).__name__) not in ("bool", "bool_"):
        why = f"{gate.function} returned a {type(said).__name__}, not a Verdict, a boolean, or a boolean and a reason"
        return Verdict(gate=gate.name, passed=False, numbers={}, reason=f"refused: {why}")
    words = "passed" if passed else "refused"
    reason = f"{words}: {why or f'{gate.function} says so'}"
    return Verdict(gate=gate.name, passed=bool(passed), numbers={}, reason=reason)


def _load(gate: FunctionGate) -> Any:
    module, _, name = gate.function.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InvalidDefinition(
            f"the gate {gate.name} can't be asked here: there is no {gate.function}.",
            why=str(error),
            fix="run it where the module can be imported",
        ) from error
    if not is_gate(function):
        raise InvalidDefinition(
            f"the gate {gate.name} can't be asked: {gate.function} is not marked as one.",
            fix="mark the function with @registry.gate",
        )
    return function


def _plain(numbers: Any) -> dict[str, Any]:
    """Return numbers as JSON has them; whatever isn't JSON-able is told as text."""

    def text(value: Any) -> Any:
        return value.item() if hasattr(value, "item") else str(value)

    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(numbers, enc_hook=text))
    return plain
