"""Which lines of the package run: in all processes, killed ones too, for the price of one assignment a statement.

Before Python 3.12 an interpreter that is asked to report lines runs everything at half its speed or less, so a traced
test suite takes twice to three times as long. Here the package's modules are compiled with an assignment before each
statement, which sets the byte of its line in one file that all processes map into their memory. What `report` returns
is given to coverage.py, whose reports then work as they do after a run of its own.
"""

from __future__ import annotations

import ast
import builtins
import importlib.abc
import importlib.machinery
import json
import marshal
import mmap
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

#: Names the file that an interpreter runs as it starts; without it nothing is measured.
VARIABLE = "COVERAGE_BEGIN"
_START = f"import os; '{VARIABLE}' in os.environ and exec(open(os.environ['{VARIABLE}'], encoding='utf-8').read())\n"
_BEGIN = """
import sys
sys.path.insert(0, {scripts!r})
import probes
sys.path.remove({scripts!r})
probes.begin({folder!r})
"""
_MARKS = "__lines_that_ran__"
#: Where the lines of a file begin among all lines, by the path of the file.
Places = dict[str, int]


def prepare(sources: Path, folder: Path, site_packages: Path) -> Path:
    """Compile a package with probes; return the file that `VARIABLE` has to name.

    Args:
        sources: The folder of the package.
        folder: An empty folder for what is compiled, and for the marks.
        site_packages: Of the environment whose interpreters are to be measured; gets a `.pth` file.
    """
    places: Places = {}
    length = 0
    for path in sorted(sources.rglob("*.py")):
        places[str(path)] = length
        text = path.read_bytes()
        code = compile(probed(ast.parse(text, path), length), path, "exec", dont_inherit=True)
        (folder / f"{length}.code").write_bytes(marshal.dumps(code))
        length += text.count(b"\n") + 2
    (folder / "places.json").write_text(json.dumps(places))
    (folder / "marks").write_bytes(bytes(length))
    start = folder / "begin.py"
    start.write_text(_BEGIN.format(scripts=str(Path(__file__).parent), folder=str(folder)))
    (site_packages / "measured_lines.pth").write_text(_START)
    return start


def begin(folder: str) -> None:
    """Measure this process from now on: import the package's modules as they were prepared."""
    places: Places = json.loads(Path(folder, "places.json").read_bytes())
    with open(Path(folder, "marks"), "r+b") as file:
        setattr(builtins, _MARKS, mmap.mmap(file.fileno(), 0))
    sys.meta_path.insert(0, _Finder(Path(folder), places))


def report(folder: Path) -> dict[str, list[int]]:
    """Return the lines that ran, by file."""
    places: Places = json.loads((folder / "places.json").read_bytes())
    marks = (folder / "marks").read_bytes()
    ends = [*list(places.values())[1:], len(marks)]
    return {
        path: [line for line in range(end - first) if marks[first + line]]
        for (path, first), end in zip(places.items(), ends, strict=True)
    }


def probed(module: ast.Module, first: int) -> ast.Module:
    """Put before each statement of a module the assignment that marks its line as run.

    Args:
        module: What is changed, and returned.
        first: The place among all marks of the module's line 0.
    """
    for node in list(ast.walk(module)):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block:
                setattr(node, field, list(_marked(node, block, first)))
    return module


def _marked(node: ast.AST, block: list[ast.stmt], first: int) -> Iterator[ast.stmt]:
    if isinstance(node, ast.ExceptHandler):
        yield _probe(block[0], first + node.lineno)
    if isinstance(node, ast.match_case):
        yield _probe(block[0], first + node.pattern.lineno)
    for place, statement in enumerate(block):
        # A docstring is one only where it stands first, and so are imports from the future.
        if not (place == 0 and _is_text(statement)) and not _is_of_the_future(statement):
            decorators = getattr(statement, "decorator_list", [])
            for line in [*(one.lineno for one in decorators), statement.lineno]:
                yield _probe(statement, first + line)
        yield statement
        if _is_of_the_future(statement):
            yield _probe(statement, first + statement.lineno)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_of_the_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _probe(like: ast.stmt, place: int) -> ast.stmt:
    marks = ast.Subscript(ast.Name(_MARKS, ast.Load()), ast.Constant(place), ast.Store())
    return ast.fix_missing_locations(ast.copy_location(ast.Assign([marks], ast.Constant(1)), like))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules where they always are, and gives those that were prepared another loader."""

    def __init__(self, folder: Path, places: Places) -> None:
        self._folder = folder
        self._places = places

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin not in self._places:
            return None
        spec.loader = _Loader(fullname, spec.origin, self._folder / f"{self._places[spec.origin]}.code")
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads what was compiled with probes."""

    def __init__(self, fullname: str, path: str, compiled: Path) -> None:
        super().__init__(fullname, path)
        self._compiled = compiled

    def get_code(self, fullname: str) -> CodeType:
        code: Any = marshal.loads(self._compiled.read_bytes())  # noqa: S302  # compiled by `prepare`, in this run
        assert isinstance(code, CodeType)
        return code
