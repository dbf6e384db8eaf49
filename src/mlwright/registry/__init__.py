"""The registry: models, their versions, the aliases that point at them, and the gates that judge them.

`register.py` adds a version, `versions.py` finds versions and moves aliases, `flavours.py` loads them, `gates.py`
judges them. Modules that need NumPy (`predictor.py`, `judging.py`, `bootstrap.py`, `losses.py`) are imported only when
a model is really used.
"""

from mlwright.registry.approvals import approval_state, approvals, approve, refuse, withdraw
from mlwright.registry.environments import Environment, declare_environments, environments, is_guarded
from mlwright.registry.evaluations import load_evaluation
from mlwright.registry.flavours import load_model, load_predictor, load_profile
from mlwright.registry.gate_kinds import (
    BeatsBaseline,
    BeatsChampion,
    FunctionGate,
    Gate,
    KeepsLatency,
    KeepsSize,
    MetricThreshold,
    NoWeakSlice,
    StaysFair,
    StaysRobust,
    gate,
)
from mlwright.registry.gates import Evaluation, Verdict, evaluate_gates, verdicts_on
from mlwright.registry.history import Entry, Then, delete_tag, describe, history, model_at, set_tag
from mlwright.registry.promotions import Missing, Promotion, clear, plan_promotion, promote, rollback
from mlwright.registry.register import register_model
from mlwright.registry.values import Column, ModelVersion, Signature
from mlwright.registry.versions import (
    alias_history,
    find,
    get_model,
    get_version,
    models,
    move_alias,
    remove_alias,
    set_alias,
    version_at,
    versions,
    versions_of_run,
)

__all__ = [
    "BeatsBaseline",
    "BeatsChampion",
    "Column",
    "Entry",
    "Environment",
    "Evaluation",
    "FunctionGate",
    "Gate",
    "KeepsLatency",
    "KeepsSize",
    "MetricThreshold",
    "Missing",
    "ModelVersion",
    "NoWeakSlice",
    "Promotion",
    "Signature",
    "StaysFair",
    "StaysRobust",
    "Then",
    "Verdict",
    "alias_history",
    "approval_state",
    "approvals",
    "approve",
    "clear",
    "declare_environments",
    "delete_tag",
    "describe",
    "environments",
    "evaluate_gates",
    "find",
    "gate",
    "get_model",
    "get_version",
    "history",
    "is_guarded",
    "load_evaluation",
    "load_model",
    "load_predictor",
    "load_profile",
    "model_at",
    "models",
    "move_alias",
    "plan_promotion",
    "promote",
    "refuse",
    "register_model",
    "remove_alias",
    "rollback",
    "set_alias",
    "set_tag",
    "verdicts_on",
    "version_at",
    "versions",
    "versions_of_run",
    "withdraw",
]
