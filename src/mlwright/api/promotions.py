"""Endpoints about environments: what each asks for, promoting to one, and going back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from mlwright.api.approvals import Approval
from mlwright.api.endpoint import Act, AliasName, Endpoint, Input, Page, Selector
from mlwright.errors import InvalidInput

if TYPE_CHECKING:
    from mlwright.project import Project


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """A place that versions of a model go to.

    Attributes:
        name: Its name; also the alias that points at its version.
        version: The version that it has now, None when it has none.
        gates: What a version must show, each as its declaration.
        approvals: Role to how many people of it must approve.
        approval_days: Days after which an approval that wasn't used counts no more; 0 for never.
    """

    name: AliasName
    version: int | None = None
    gates: list[dict[str, Any]] = []
    approvals: dict[
        Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[a-z][a-z0-9-]{0,63}$"})],
        Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 1})],
    ] = {}
    approval_days: int = 14


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a version still lacks.

    Attributes:
        kind: `gate` or `approval`.
        name: Name of the gate, or the role.
        reason: What the gate said, or who may approve.
        numbers: What the gate measured, or how many approvals are needed and given.
        by: Who may give the approval.
    """

    kind: str
    name: str
    reason: str
    numbers: dict[str, Any]
    by: list[str]


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate said.

    Attributes:
        gate: Name of the gate.
        passed: Whether it agreed.
        numbers: Why, for machines.
        reason: Why, for people.
    """

    gate: str
    passed: bool
    numbers: dict[str, Any]
    reason: str


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a promotion.

    Attributes:
        model: Name of the model.
        version: The version.
        environment: Where it was to go.
        state: `assigned`, `waiting-approval` or `refused`.
        missing: What it still lacks.
        gates: What each gate said.
        before: The version that the environment had.
        approval: The request for approval that it goes by.
        changed: Whether the environment has another version now (or would have, in a plan).
    """

    model: str
    version: int
    environment: str
    state: str
    missing: list[Missing]
    gates: list[Judgement]
    before: int | None
    approval: Approval | None
    changed: bool


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """Where an environment went back to.

    Attributes:
        model: Name of the model.
        environment: The environment.
        version: The version that it has again.
    """

    model: str
    environment: str
    version: int


class ListEnvironments(Input, frozen=True, kw_only=True):
    """Of which model.

    Attributes:
        model: Its name.
    """

    model: str


class Declare(Act, frozen=True, kw_only=True):
    """What environments a model has.

    Attributes:
        model: Its name.
        environments: In their order; `version` is not looked at.
    """

    model: str
    environments: list[Environment]


class Plan(Input, frozen=True, kw_only=True):
    """Which promotion to look at.

    Attributes:
        model: Name of the model.
        version: A number, an alias, or `latest`.
        environment: Where it is to go.
    """

    model: str
    version: Selector
    environment: str


class Promote(Act, frozen=True, kw_only=True):
    """What to promote.

    Attributes:
        model: Name of the model.
        version: A number, an alias, or `latest`.
        environment: Where it is to go.
        ask_again: Ask for approval anew although it was refused.
    """

    model: str
    version: Selector
    environment: str
    ask_again: bool = False


class RollBack(Act, frozen=True, kw_only=True):
    """Which environment goes back.

    Attributes:
        model: Name of the model.
        environment: The environment.
    """

    model: str
    environment: str


def list_environments(project: Project, given: ListEnvironments) -> Page[Environment]:
    """Return the environments of a model, each with its version and what it asks for."""
    from mlwright import registry
    from mlwright.ledger import assignments

    declared = registry.environments(project, given.model)
    with project.ledger.read() as connection:
        held = assignments.assigned(connection, given.model)
    return Page(items=[_environment(environment, held.get(environment.name)) for environment in declared])


def declare(project: Project, given: Declare) -> Page[Environment]:
    """Declare the environments of a model."""
    from mlwright import registry
    from mlwright.api.endpoint import acting

    plain = [{**msgspec.structs.asdict(row), "version": None} for row in given.environments]
    try:
        wanted = msgspec.convert(plain, list[registry.Environment])
    except msgspec.ValidationError as error:
        raise InvalidInput("the environments can't be declared like this.", why=str(error)) from error
    registry.declare_environments(project, given.model, wanted, actor=acting(project, given), reason=given.reason)
    return list_environments(project, ListEnvironments(model=given.model))


def plan(project: Project, given: Plan) -> Promotion:
    """Return what promoting would come to now, writing nothing."""
    from mlwright import registry

    return _promotion(registry.plan_promotion(project, reference(given.model, given.version), given.environment))


def promote(project: Project, given: Promote) -> Promotion:
    """Promote a version, or ask for what it still lacks."""
    from mlwright import registry
    from mlwright.api.endpoint import acting

    promotion = registry.promote(
        project,
        reference(given.model, given.version),
        given.environment,
        actor=acting(project, given),
        reason=given.reason,
        ask_again=given.ask_again,
    )
    return _promotion(promotion)


def roll_back(project: Project, given: RollBack) -> RolledBack:
    """Give an environment the version back that it had before."""
    from mlwright import registry
    from mlwright.api.endpoint import acting

    version = registry.rollback(
        project, given.model, given.environment, actor=acting(project, given), reason=given.reason
    )
    return RolledBack(model=given.model, environment=given.environment, version=version)


def reference(model: str, version: str) -> str:
    """Return the reference of a version that is given by its number, an alias or `latest`."""
    return f"{model}{'/' if (version.isascii() and version.isdigit()) else '@'}{version}"


def _environment(environment: Any, version: int | None) -> Environment:
    plain: dict[str, Any] = msgspec.to_builtins(environment)
    return msgspec.convert({**plain, "version": version}, Environment)


def _promotion(promotion: Any) -> Promotion:
    return msgspec.convert(promotion, Promotion, from_attributes=True)


ENDPOINTS = (
    Endpoint(
        name="models.environments",
        method="GET",
        path="/models/{model}/environments",
        summary="List a model's environments, each with its version and what it asks for.",
        input=ListEnvironments,
        output=Page[Environment],
        function=list_environments,
    ),
    Endpoint(
        name="models.declare",
        method="POST",
        path="/models/{model}/environments",
        summary="Declare a model's environments with the gates and approvals each asks for.",
        input=Declare,
        output=Page[Environment],
        function=declare,
        scope="write",
        audit="model.environments",
    ),
    Endpoint(
        name="models.plan",
        method="GET",
        path="/models/{model}/environments/{environment}/plan",
        summary="Tell what promoting a version would come to now.",
        input=Plan,
        output=Promotion,
        function=plan,
    ),
    Endpoint(
        name="models.promote",
        method="POST",
        path="/models/{model}/environments/{environment}/promote",
        summary="Promote a version to an environment, or ask for what it still lacks.",
        input=Promote,
        output=Promotion,
        function=promote,
        scope="write",
        audit="model.promote",
    ),
    Endpoint(
        name="models.rollback",
        method="POST",
        path="/models/{model}/environments/{environment}/rollback",
        summary="Give an environment the version back that it had before.",
        input=RollBack,
        output=RolledBack,
        function=roll_back,
        scope="write",
        audit="model.rollback",
    ),
)
