"""The gates that can be declared: plain values that fit into JSON.

A gate that compares (`BeatsChampion`, `NoWeakSlice` with `worse_by`) asks about the version that serves now; its
verdict holds against that version alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec

from mlwright.errors import InvalidDefinition

_MOST_RESAMPLES = 20_000
_MOST_ROWS = 1_000_000


def _check_sampling(name: str, confidence: float, resamples: int = 1) -> None:
    """Refuse what can't be asked of an interval, or would take all memory."""
    if not 0 < confidence < 1 or not 1 <= resamples <= _MOST_RESAMPLES:
        raise InvalidDefinition(
            f"the gate {name} asks for an interval of confidence {confidence:g} from {resamples} samples.",
            fix=f"give a confidence between 0 and 1, and 1 to {_MOST_RESAMPLES} resamples",
        )


class MetricThreshold(msgspec.Struct, frozen=True, kw_only=True, tag="metric-threshold", tag_field="kind"):
    """A metric measured at training time must keep a limit.

    Attributes:
        metric: Name of the metric.
        at_most: Largest value that passes.
        at_least: Smallest value that passes.
    """

    metric: str
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if self.at_most is None and self.at_least is None:
            raise InvalidDefinition(
                f"the gate on the metric '{self.metric}' has no limit.", fix="give at_most, at_least or both"
            )

    @property
    def name(self) -> str:
        """Name of the gate."""
        return f"metric-threshold:{self.metric}"


class BeatsBaseline(msgspec.Struct, frozen=True, kw_only=True, tag="beats-baseline", tag_field="kind"):
    """The log loss must lie below that of the base rate: the best constant answer on the very same rows.

    Attributes:
        confidence: Of the two-sided bootstrap interval; its upper end must lie below zero.
        resamples: Samples drawn.
        min_rows: Labelled rows that it takes at least.
        min_groups: Groups that it takes at least.
        only_first: Ask only while nothing serves. The best constant is known in hindsight alone, which over a few days
            of odd weather is hard to beat; a comparison with the champion says more.
    """

    confidence: float = 0.95
    resamples: int = 2000
    min_rows: int = 500
    min_groups: int = 5
    only_first: bool = False

    def __post_init__(self) -> None:
        _check_sampling(self.name, self.confidence, self.resamples)

    @property
    def name(self) -> str:
        """Name of the gate."""
        return "beats-baseline"


class BeatsChampion(msgspec.Struct, frozen=True, kw_only=True, tag="beats-champion", tag_field="kind"):
    """The log loss must compare well with the champion's on the very same rows, as a paired interval.

    The interval of the mean difference (challenger's loss minus champion's) is a bootstrap over whole groups.

    Attributes:
        margin: How much is too much: `not-worse` passes when the interval ends at or below `margin`, `better` when it
            ends below `-margin`.
        rule: `not-worse` or `better`.
        days: How many of the newest labelled days the evaluation should cover; read by whoever builds it.
        confidence: Of the two-sided interval.
        resamples: Samples drawn.
        min_rows: Labelled rows that it takes at least.
        min_groups: Groups that it takes at least.
    """

    margin: float = 0.0
    rule: Literal["not-worse", "better"] = "not-worse"
    days: int = 14
    confidence: float = 0.95
    resamples: int = 2000
    min_rows: int = 500
    min_groups: int = 5

    def __post_init__(self) -> None:
        _check_sampling(self.name, self.confidence, self.resamples)

    @property
    def name(self) -> str:
        """Name of the gate."""
        return "beats-champion"


class NoWeakSlice(msgspec.Struct, frozen=True, kw_only=True, tag="no-weak-slice", tag_field="kind"):
    """No slice of the rows may do worse than a limit.

    A slice is one value of a column; numbers of more than `bins` values are cut at their quantiles. A slice is weak
    when its loss is past the limit beyond doubt: the lower end of its interval lies above it. The intervals hold
    together (Bonferroni), so that among many slices none is called weak by chance more often than `confidence` says.

    Attributes:
        by: Columns to slice by, each by itself.
        at_most: Largest mean log loss that a slice may have.
        worse_by: How much a slice's mean log loss may lie above the champion's on the same rows.
        bins: Into how many slices numbers are cut.
        confidence: With which none of the slices is called weak wrongly.
        min_rows: A slice of fewer labelled rows isn't judged.
    """

    by: list[str]
    at_most: float | None = None
    worse_by: float | None = None
    bins: int = 4
    confidence: float = 0.95
    min_rows: int = 100

    def __post_init__(self) -> None:
        if not self.by or (self.at_most is None and self.worse_by is None):
            raise InvalidDefinition(
                "the gate on slices has no limit." if self.by else "the gate on slices has no columns.",
                fix="give by=[columns] and at_most, worse_by or both",
            )
        if not 1 <= self.bins <= 100:
            raise InvalidDefinition(
                f"the gate on slices cuts numbers into {self.bins} parts.", fix="give 1 to 100 bins"
            )
        _check_sampling(self.name, self.confidence)

    @property
    def name(self) -> str:
        """Name of the gate."""
        return f"no-weak-slice:{','.join(self.by)}"


class StaysRobust(msgspec.Struct, frozen=True, kw_only=True, tag="stays-robust", tag_field="kind"):
    """The log loss may grow by at most a limit when the inputs are disturbed, on the same rows.

    Attributes:
        at_most: By how much the mean log loss may grow: the upper end of its bootstrap interval must keep it.
        noise: Standard deviation of the normal noise that is added to numbers, as a share of each column's own.
        missing: Share of the values that are taken away, in the columns that may miss some.
        columns: Only these columns are disturbed; all by default. One that is named here may miss values too.
        repeats: How often the rows are disturbed; losses are averaged.
        confidence: Of the two-sided interval.
        resamples: Samples drawn.
        min_rows: Labelled rows that it takes at least.
        min_groups: Groups that it takes at least.
    """

    at_most: float
    noise: float = 0.0
    missing: float = 0.0
    columns: list[str] | None = None
    repeats: int = 3
    confidence: float = 0.95
    resamples: int = 2000
    min_rows: int = 500
    min_groups: int = 5

    def __post_init__(self) -> None:
        if self.noise < 0 or not 0 <= self.missing <= 1 or not (self.noise or self.missing):
            raise InvalidDefinition(
                "the gate on robustness disturbs nothing.",
                fix="give noise > 0, missing between 0 and 1, or both",
            )
        if not 1 <= self.repeats <= 100:
            raise InvalidDefinition(
                f"the gate on robustness repeats {self.repeats} times.", fix="give 1 to 100 repeats"
            )
        _check_sampling(self.name, self.confidence, self.resamples)

    @property
    def name(self) -> str:
        """Name of the gate."""
        parts = [f"noise={self.noise:g}"] if self.noise else []
        parts += [f"missing={self.missing:g}"] if self.missing else []
        return f"stays-robust:{','.join(parts)}"


class StaysFair(msgspec.Struct, frozen=True, kw_only=True, tag="stays-fair", tag_field="kind"):
    """Decisions may differ between the groups of a protected attribute by at most a limit.

    Definitions as in Hardt, Price and Srebro, Equality of Opportunity in Supervised Learning (2016), aggregated as the
    largest difference between any two groups, like Fairlearn's functions of the same names.

    Attributes:
        protected: Column of the evaluation that holds the protected attribute; it need not be an input of the model.
        at_most: Largest difference that passes, between 0 and 1.
        measure: `demographic-parity`: of the shares decided positively. `equalized-odds`: the larger one of the
            differences of true positive rates and of false positive rates.
        threshold: A score of at least this is a positive decision.
        surely: True asks that the upper end of the bootstrap interval keeps the limit; False that the estimate does.
        confidence: Of the two-sided interval.
        resamples: Samples drawn.
        min_rows: Labelled rows that each group needs at least; one with fewer can't be judged, and refuses.
    """

    protected: str
    at_most: float = 0.1
    measure: Literal["demographic-parity", "equalized-odds"] = "demographic-parity"
    threshold: float = 0.5
    surely: bool = False
    confidence: float = 0.95
    resamples: int = 2000
    min_rows: int = 50

    def __post_init__(self) -> None:
        _check_sampling(self.name, self.confidence, self.resamples)

    @property
    def name(self) -> str:
        """Name of the gate."""
        return f"stays-fair:{self.measure}:{self.protected}"


class KeepsLatency(msgspec.Struct, frozen=True, kw_only=True, tag="keeps-latency", tag_field="kind"):
    """Answering must be quick: a quantile of the time of one call, measured now on this machine.

    Attributes:
        at_most_ms: Largest time that passes.
        rows: Rows of one call.
        quantile: Which quantile of the calls is looked at.
        calls: How many calls are measured.
    """

    at_most_ms: float
    rows: int = 1
    quantile: float = 0.95
    calls: int = 200

    def __post_init__(self) -> None:
        if not (1 <= self.rows <= _MOST_ROWS and 1 <= self.calls * self.rows <= 10 * _MOST_ROWS):
            raise InvalidDefinition(
                f"the gate on latency asks {self.calls} times for {self.rows} rows.",
                fix=f"give rows and calls of at least 1, and at most {10 * _MOST_ROWS:,} rows in all",
            )
        if not 0 < self.quantile <= 1:
            raise InvalidDefinition(f"there is no quantile {self.quantile:g}.", fix="give one in (0, 1]")

    @property
    def name(self) -> str:
        """Name of the gate."""
        return f"keeps-latency:{self.rows}"


class KeepsSize(msgspec.Struct, frozen=True, kw_only=True, tag="keeps-size", tag_field="kind"):
    """The files of a version must stay small.

    Attributes:
        at_most_bytes: Largest size of all its files together that passes.
    """

    at_most_bytes: int

    @property
    def name(self) -> str:
        """Name of the gate."""
        return "keeps-size"


class FunctionGate(msgspec.Struct, frozen=True, kw_only=True, tag="function", tag_field="kind"):
    """A function of yours decides: `function(version, evaluation, **settings)`.

    It is marked with `@registry.gate`, so that a declaration that comes over the network can't have other functions
    called. It returns a `Verdict`, or a boolean, or a boolean and a reason. The evaluation is None without rows.

    Attributes:
        function: Where it is: `module:function`, importable wherever the gate is judged. A function itself can be given
            and is kept as its reference.
        settings: Further arguments for it, JSON-able.
    """

    function: str
    settings: dict[str, Any] = {}

    def __post_init__(self) -> None:
        given: Any = self.function
        if callable(given):
            msgspec.structs.force_setattr(self, "function", _reference(given))
        elif not all(part.isidentifier() for part in given.replace(":", ".").split(".")) or given.count(":") != 1:
            raise InvalidDefinition(f"'{given}' is no reference to a function.", fix="write it as module:function")

    @property
    def name(self) -> str:
        """Name of the gate."""
        return f"function:{self.function}"


_MARK = "__mlwright_gate__"
_Function = TypeVar("_Function", bound=Callable[..., Any])


def gate(function: _Function) -> _Function:
    """Mark a function as one that may decide as a gate; see `FunctionGate`.

    Example:
        >>> @gate
        ... def named_well(version, evaluation):
        ...     return version.model.islower(), "names are in lower case"
        >>> is_gate(named_well)
        True
    """
    setattr(function, _MARK, True)
    return function


def is_gate(function: Any) -> bool:
    """Tell whether a function is marked as a gate."""
    return callable(function) and getattr(function, _MARK, False) is True


Gate = (
    MetricThreshold
    | BeatsBaseline
    | BeatsChampion
    | NoWeakSlice
    | StaysRobust
    | StaysFair
    | KeepsLatency
    | KeepsSize
    | FunctionGate
)


def compares(gate: Gate) -> bool:
    """Tell whether a gate's verdict depends on the version that serves now."""
    if isinstance(gate, NoWeakSlice):
        return gate.worse_by is not None
    return isinstance(gate, BeatsChampion) or (isinstance(gate, BeatsBaseline) and gate.only_first)


def _reference(function: Any) -> str:
    if not is_gate(function):
        raise InvalidDefinition(f"the function {function!r} is no gate.", fix="mark it with @registry.gate")
    name, module = getattr(function, "__qualname__", ""), getattr(function, "__module__", "")
    if module in ("", "__main__") or not name.isidentifier():
        raise InvalidDefinition(
            f"the gate {name or function!r} can't be found again by its name.",
            why="it is defined in the main script, inside another function, or is a lambda",
            fix="move it into a module, at the top level",
        )
    return f"{module}:{name}"
