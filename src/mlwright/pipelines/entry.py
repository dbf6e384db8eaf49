"""Where a step's function is, and how it is found again: in another process, on another machine, from the IR alone."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlwright.errors import InvalidDefinition, NotFound, did_you_mean
from mlwright.pipelines.faults import user_frame
from mlwright.pipelines.spec import Entry
from mlwright.tracking.context import importing_for_a_step

if TYPE_CHECKING:
    from mlwright.pipelines.definition import Pipeline

#: Functions of this process by entry: what runs in process needs no import, and may be defined anywhere.
_live: dict[Entry, Callable[..., Any]] = {}
#: Modules that were loaded from a file and can't be imported by name.
_files: dict[str, Path] = {}


class MainPartReached(BaseException):
    """A script that is imported only to find its steps has begun to run pipelines: what it defines, it has defined."""


def entry_of(function: Callable[..., Any]) -> tuple[Entry, str]:
    """Return where a function is, and the import root that this is relative to (empty when there is none)."""
    module = sys.modules.get(function.__module__)
    spec = getattr(module, "__spec__", None)
    name = spec.name if function.__module__ == "__main__" and spec is not None else function.__module__
    if name == "__main__" or name in _files:
        file = str(_files.get(name) or getattr(module, "__file__", None) or "")
        # Code that is piped into the interpreter calls its file "<stdin>".
        file = file if Path(file).is_file() else ""
        entry = Entry(file=Path(file).name, qualname=function.__qualname__)
        root = str(Path(file).resolve().parent) if file else ""
    else:
        entry = Entry(module=name, qualname=function.__qualname__)
        root = _root_of(name, getattr(module, "__file__", None))
    return _remembered(entry, function), root


def _remembered(entry: Entry, function: Callable[..., Any]) -> Entry:
    if why_not_findable(entry):
        # Two functions made by one function share a name: a number tells them apart in this process.
        known, number = entry, 1
        while _live.get(known, function) is not function:
            number += 1
            known = Entry(module=entry.module, file=entry.file, qualname=f"{entry.qualname}#{number}")
        entry = known
    _live[entry] = function
    return entry


def why_not_findable(entry: Entry) -> str:
    """Return why a function can't be found from another process; empty when it can."""
    if not entry.module and not entry.file:
        return "it was not read from a file"
    if "<locals>" in entry.qualname:
        return "it is defined inside another function"
    if "<lambda>" in entry.qualname:
        return "it is a lambda"
    return ""


def resolve(entry: Entry, roots: Iterable[str] = ()) -> Callable[..., Any]:
    """Return the function of an entry.

    Args:
        entry: Where it is.
        roots: Folders to import from, before those of `sys.path`.

    Raises:
        InvalidDefinition: It isn't there any more, or can't be found from another process.
    """
    if entry in _live:
        return _live[entry]
    reason = why_not_findable(entry)
    if reason:
        raise InvalidDefinition(
            f"the step '{entry.qualname}' can't be found from another process.",
            why=reason,
            fix="define it at the top of a file, or set MLWRIGHT_EXECUTOR=inline",
        )
    with importing_for_a_step(), _importable(roots):
        module = _load_file(_find_file(entry.file, roots)) if entry.file else _import(entry.module)
    found: Any = module
    for part in entry.qualname.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise InvalidDefinition(
            f"the step {entry} does not exist.",
            why=f"{getattr(module, '__file__', module.__name__)} defines no '{entry.qualname}'",
            fix="was it renamed, or is it defined after the pipeline is run?",
        )
    function: Callable[..., Any] = getattr(found, "function", found)
    return function


def load_object(target: str) -> tuple[ModuleType, Any]:
    """Load what a user names on the command line: `path/file.py:name`, `package.module:name`, or without `:name`.

    Returns:
        The module, and the named object; None when no name was given.

    Raises:
        NotFound: There is no such file, module or name.
        InvalidDefinition: The code raised while it was loaded.
    """
    place, _, name = target.partition(":")
    with importing_for_a_step():
        if place.endswith(".py") or "/" in place:
            module = _load_part(_find_file(place, [str(Path.cwd())]))
        else:
            with _importable([str(Path.cwd())]):
                module = _import(place)
    if not name:
        return module, None
    if not hasattr(module, name):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise NotFound(f"{place} has no '{name}'.", fix=did_you_mean(name, public))
    return module, getattr(module, name)


def load_target(target: str) -> Pipeline:
    """Load the pipeline that a user names; the name may be left out when the module has only one.

    Raises:
        NotFound: There is no such file, module or pipeline.
        InvalidDefinition: The code raised while it was loaded, or the name is no pipeline.
    """
    from mlwright.pipelines.definition import Pipeline

    module, found = load_object(target)
    if isinstance(found, Pipeline):
        return found
    if found is not None:
        raise InvalidDefinition(f"{target} is a {type(found).__name__}, no pipeline.", fix="decorate it with @pipeline")
    known = {name: value for name, value in vars(module).items() if isinstance(value, Pipeline)}
    if len(known) == 1:
        return next(iter(known.values()))
    raise NotFound(
        f"{target} has {'several pipelines' if known else 'no pipeline'}.",
        fix=f"name one: {target}:{sorted(known)[0]}" if known else "decorate a function with @pipeline",
        known=sorted(known),
    )


def _root_of(module: str, file: str | None) -> str:
    if not file:
        return ""
    path = Path(file).resolve()
    above = module.count(".") + (1 if path.stem == "__init__" else 0)
    return str(path.parents[above]) if above < len(path.parents) else ""


@contextmanager
def _importable(roots: Iterable[str]) -> Iterator[None]:
    """Put import roots first; they stay, because functions import things when they are called, too."""
    wanted = [root for root in roots if root]
    sys.path[:] = [*wanted, *(path for path in sys.path if path not in wanted)]
    importlib.invalidate_caches()
    yield


def _find_file(file: str, roots: Iterable[str]) -> Path:
    tried = [Path(root) / file for root in roots if root] or [Path(file)]
    for path in tried:
        if path.is_file():
            return path.resolve()
    raise NotFound(
        f"the file {file} does not exist.",
        why="looked in " + ", ".join(str(path.parent) for path in tried),
        fix="start from the folder that it is in, or give its whole path",
    )


def _load_part(path: Path) -> ModuleType:
    """Load a file: as the module that it is, when it is a part of a package, else as a script."""
    root, dotted = _package_of(path)
    if not dotted:
        return _load_file(path)
    with _importable([root]):
        return _import(dotted)


def _package_of(path: Path) -> tuple[str, str]:
    """Return the import root and the dotted name of a file that is a part of a package; empty names otherwise."""
    names, folder = [path.stem], path.parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    if len(names) == 1 or not all(name.isidentifier() for name in names):
        return "", ""
    return str(folder), ".".join(names[:-1] if names[-1] == "__init__" else names)


def _load_file(path: Path) -> ModuleType:
    """Load a script as a module; its `__name__` isn't `__main__`, and what follows its first run is left out."""
    for name, known in _files.items():
        if known == path:
            return sys.modules[name]
    name = path.stem
    if name in sys.modules or name in sys.stdlib_module_names or not name.isidentifier():
        name = f"{name}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidDefinition(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name], _files[name] = module, path
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        with _loading(str(path)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name], _files[name]
        raise
    return module


def _import(module: str) -> ModuleType:
    try:
        with _loading(module):
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(error.name + ".")):
            raise NotFound(
                f"the module {module} does not exist.",
                why=str(error),
                fix="start from the folder that it is in, or install its package",
            ) from None
        raise


@contextmanager
def _loading(what: str) -> Iterator[None]:
    try:
        yield
    except MainPartReached:
        return
    except (KeyboardInterrupt, ModuleNotFoundError, InvalidDefinition, NotFound):
        raise
    except BaseException as error:  # boundary: the user's module is code of the user's
        frame = user_frame(error)
        raise InvalidDefinition(
            f"{what} can't be loaded: {type(error).__name__}: {error}",
            why=frame or inspect.cleandoc(str(error)) or None,
            fix="correct it; python -m py_compile finds errors of syntax",
        ) from error
