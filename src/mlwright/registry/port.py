"""What mlwright asks of a library of models: to keep one in its own format, without pickle, and to let it answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Protocol

from mlwright.registry.values import Output


class Flavour(Protocol):
    """Knows the models of one library.

    Attributes:
        name: What the ledger keeps, for example `lightgbm`.
        packages: Import names whose versions decide how a model answers; they are kept with it.
        unsafe: True when loading runs code that the file holds: it asks for consent, like pickle.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    unsafe: ClassVar[bool]

    def accepts(self, model: Any) -> bool:
        """Tell whether a model is of this library."""

    def inputs(self, model: Any) -> list[str]:
        """Return the names of the columns that it takes, in their order; `x0`, `x1`, ... where it has none."""

    def output(self, model: Any) -> Output:
        """Return what it gives: the `probability` of the second of two classes, or a `value`.

        Raises:
            Unsupported: It gives more than one number for a row.
        """

    def save(self, model: Any, path: Path) -> None:
        """Write it to a file that doesn't exist yet."""

    def load(self, path: Path) -> Any:
        """Return the model that `save` wrote, ready for `answerer`."""

    def answerer(self, model: Any, output: Output) -> Callable[[Any], Any]:
        """Return what answers a matrix of shape [rows, columns] (float64, missing values NaN) with shape [rows].

        It may be called from several threads, and keeps to one core.
        """


def several_outputs(library: str) -> str:
    """Return why a model that gives several numbers for a row can't be registered."""
    return f"this {library} model gives several numbers for a row; a version answers with one"
