"""What mlwright asks of a library whose trainings are to be logged by themselves."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import ClassVar, Protocol

from mlwright.tracking.autologging.fits import Fits

#: Puts back exactly what was there before.
Undo = Callable[[], None]


class Autologger(Protocol):
    """Knows where the trainings of one library begin and end.

    Attributes:
        name: What users call it, for example `sklearn`.
        modules: Import names; as soon as one of them is imported, it is patched. None is imported for that.
    """

    name: ClassVar[str]
    modules: ClassVar[tuple[str, ...]]

    def patch(self, module: ModuleType, fits: Fits) -> Undo:
        """Let the library's trainings be watched by `fits`; return what puts the originals back."""
