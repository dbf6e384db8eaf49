"""The habits gate: names that say nothing, broad excepts without a reason, and ports that grow too wide.

Ruff has rules for most of the house style; these are the ones it doesn't know.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("src", "examples", "scripts", "bench")
PORT_METHODS = 8

_MODULES = {"utils", "util", "helpers", "helper", "common", "misc", "shared"}
_CLASS = re.compile(r"(?:Manager|Helper|Helpers|Impl|Utils)$|^(?:Base|Abstract)[A-Z]")
_BANNER = re.compile(r"^\s*#\s*(?:[-=#*~]{4,}|[A-Z][A-Z ]{3,}$)")


def findings(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Go through what a file has against the house style: line and sentence."""
    if Path(path).stem in _MODULES:
        yield 1, f"the module's name '{Path(path).stem}' says nothing about what is in it"
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if _BANNER.match(line):
            yield number, "a banner; a module that needs one should be two modules"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and _CLASS.search(node.name):
            yield node.lineno, f"the name '{node.name}' says nothing about what the class is"
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and "# boundary:" not in lines[node.lineno - 1]:
            yield node.lineno, "a broad except without '# boundary:' and its reason"
        if isinstance(node, ast.ClassDef) and _is_protocol(node) and path.endswith("port.py"):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            if len(methods) > PORT_METHODS:
                yield node.lineno, f"the port '{node.name}' has {len(methods)} methods (at most {PORT_METHODS})"


def _is_broad(node: ast.ExceptHandler) -> bool:
    """Tell whether a handler catches everything and keeps it; one that ends by raising it again keeps nothing."""
    last = node.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(
        one is None or (isinstance(one, ast.Name) and one.id in ("Exception", "BaseException")) for one in caught
    )


def _is_protocol(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)


def same_named(paths: list[Path]) -> list[list[Path]]:
    """Return the groups of test modules that have one name; each folder may have a conftest of its own."""
    named: dict[str, list[Path]] = {}
    for path in paths:
        named.setdefault(path.name, []).append(path)
    return [group for name, group in named.items() if len(group) > 1 and name != "conftest.py"]


def main() -> int:
    """Read every Python file that ships or checks; return 1 when something is found."""
    count = 0
    for path in [path for source in SOURCES for path in sorted((ROOT / source).rglob("*.py"))]:
        name = path.relative_to(ROOT).as_posix()
        for line, sentence in findings(name, path.read_text()):
            count += 1
            print(f"  {name}:{line} {sentence}")
    for twins in same_named(sorted((ROOT / "tests").rglob("*.py"))):
        count += 1
        print(f"  {' and '.join(twin.relative_to(ROOT).as_posix() for twin in twins)} share a name: pytest takes one")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
