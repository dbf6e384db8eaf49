"""What a user declares: a `System` and the triggers and schedules that start its pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.core.digest import digest_json
from mlwright.errors import InvalidDefinition

if TYPE_CHECKING:
    from mlwright.delivery import Deployment
    from mlwright.monitoring import Monitor
    from mlwright.pipelines import Pipeline
    from mlwright.registry import Gate

#: An argument of this text is replaced by the moment of firing, as ISO 8601 text.
NOW = "$now"


class Trigger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Start the system's pipeline when something happens.

    Attributes:
        name: Unique name.
        on: Types of the events that it answers, for example `("alert.opened", "alert.continued")`. Empty: it is only
            fired by hand.
        where: Facts that the event's data must carry, for example `{"monitor": "log-loss"}`; a list of values means
            any of them.
        arguments: Arguments for the pipeline; the text `$now` stands for the moment of firing.
        cooldown_days: It doesn't fire again before this many days have passed.
        budget: Most firings in any `budget_days`; None for no limit.
        budget_days: See `budget`.

    Example:
        >>> trigger = Trigger(name="retrain", on=("alert.opened",), where={"monitor": "log-loss"}, cooldown_days=14)
        >>> trigger.answers("alert.opened", {"monitor": "log-loss", "severity": "critical"})
        True
    """

    name: str
    on: tuple[str, ...] = ()
    where: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    cooldown_days: float = 0.0
    budget: int | None = None
    budget_days: float = 30.0

    def answers(self, event_type: str, data: dict[str, Any]) -> bool:
        """Tell whether an event is one that this trigger is for."""
        return event_type in self.on and all(
            data.get(key) in (value if isinstance(value, (list, tuple)) else (value,))
            for key, value in self.where.items()
        )


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Start the system's pipeline at moments given by a cron expression.

    Attributes:
        name: Unique name.
        cron: Five fields, as cron(8) reads them.
        time_zone: IANA name; the expression is read in it, clock changes included.
        arguments: Arguments for the pipeline; the text `$now` stands for the due moment.
    """

    name: str
    cron: str
    time_zone: str = "UTC"
    arguments: dict[str, Any] = {}

    def __post_init__(self) -> None:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        from cronsim import CronSim, CronSimError

        from mlwright.core.clock import wall_now

        try:
            CronSim(self.cron, wall_now())
        except CronSimError as error:
            raise InvalidDefinition(
                f"schedule '{self.name}' has the cron expression '{self.cron}', which can't be read.",
                why=str(error),
                fix="write five fields: minute hour day month weekday, for example '0 3 * * 1'",
            ) from error
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise InvalidDefinition(
                f"schedule '{self.name}' names the time zone '{self.time_zone}', which isn't known.",
                fix="use an IANA name, for example Europe/Berlin",
            ) from error


class System:
    """One ML system: everything that has to be there for its loop to turn by itself.

    Args:
        name: Unique name in the project.
        pipeline: Trains and registers a version of the deployment's model.
        deployment: Serves the model; versions that pass all gates are rolled out to it.
        gates: Asked about each newly registered version, in this order.
        monitors: Watch the deployment.
        triggers: Start the pipeline on events.
        schedules: Start the pipeline at moments.
        gate_days: Newest days of labelled traffic that gates compare challenger and champion on.

    Raises:
        InvalidDefinition: A name is used twice, or a monitor watches another deployment.
    """

    def __init__(
        self,
        name: str,
        *,
        pipeline: Pipeline,
        deployment: Deployment,
        gates: Sequence[Gate] = (),
        monitors: Sequence[Monitor] = (),
        triggers: Sequence[Trigger] = (),
        schedules: Sequence[Schedule] = (),
        gate_days: float = 7.0,
    ) -> None:
        self.name = name
        self.pipeline = pipeline
        self.deployment = deployment
        self.gates = tuple(gates)
        self.monitors = tuple(monitors)
        self.triggers = tuple(triggers)
        self.schedules = tuple(schedules)
        self.gate_days = gate_days
        self.target = ""
        for kind, items in (("monitor", self.monitors), ("trigger", self.triggers), ("schedule", self.schedules)):
            _check_unique(name, kind, [item.name for item in items])
        for monitor in self.monitors:
            if monitor.deployment != deployment.name:
                raise InvalidDefinition(
                    f"monitor '{monitor.name}' of system '{name}' watches deployment '{monitor.deployment}'.",
                    why=f"the system's deployment is '{deployment.name}'",
                    fix=f"declare Monitor(..., deployment='{deployment.name}')",
                )

    def __repr__(self) -> str:
        return f"System({self.name!r}, deployment={self.deployment.name!r}, model={self.deployment.model!r})"

    def trigger(self, name: str) -> Trigger | None:
        """Return the trigger of this name, None when there is none."""
        return next((trigger for trigger in self.triggers if trigger.name == name), None)

    def parts(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return everything declared, as plain data: kind -> name -> state."""
        return {
            "pipeline": {self.pipeline.name: {"ir_digest": digest_json(self.pipeline.spec)}},
            "gates": {self.deployment.model: {"gates": _plain(list(self.gates)), "gate_days": self.gate_days}},
            "deployment": _by_name([self.deployment]),
            "monitor": _by_name(self.monitors),
            "trigger": _by_name(self.triggers),
            "schedule": _by_name(self.schedules),
        }

    def manifest(self) -> dict[str, Any]:
        """Return the whole declaration as plain data, fit for Git."""
        return {"version": 1, "system": self.name, "parts": self.parts()}


def load_system(target: str) -> System:
    """Import a system from `path/file.py:name` or `package.module:name`.

    Raises:
        NotFound: The file, the module or the name doesn't exist.
        InvalidDefinition: The name is something else than a System.
    """
    from mlwright.pipelines import load_object

    module, found = load_object(target)
    if found is None:
        systems = {name: value for name, value in vars(module).items() if isinstance(value, System)}
        if len(systems) == 1:
            name, found = next(iter(systems.items()))
            target = f"{target}:{name}"
    if not isinstance(found, System):
        raise InvalidDefinition(
            f"'{target}' names no System.", fix="name the variable that holds System(...), as in file.py:system"
        )
    found.target = target
    return found


def _check_unique(system: str, kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidDefinition(f"system '{system}' declares two {kind}s named '{name}'.", fix="rename one of them")
        seen.add(name)


def _by_name(items: Sequence[Any]) -> dict[str, dict[str, Any]]:
    return {item.name: _plain(item) for item in items}


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
