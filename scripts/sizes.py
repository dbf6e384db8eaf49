"""The size gate: no module, function or parameter list grows past what one can read.

Limits are those of CONTRIBUTING.md. Complexity is ruff's rule C901, part of `make check` as lint. Prints the
distribution and exits with 1 when something is too large.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("src", "examples", "scripts", "bench")
#: Written by a program (scripts/make_migration.py): read by few, changed by nobody.
GENERATED = "src/mlwright/ledger/migrations/versions/"

MODULE_LINES = 400
MODULE_LINES_HARD = 600
FUNCTION_LINES = 50
PARAMETERS = 6

#: Functions that may take more than PARAMETERS, each with its reason. Every one of them takes the surplus by name only.
MANY_PARAMETERS = {
    "src/mlwright/ledger/outbox.py:read_events": "the filters of one query, all optional and named at the call",
    "src/mlwright/system/values.py:System.__init__": "the parts of a declaration, which users write by name",
}


class Function(NamedTuple):
    """One function: where it is, how long it is and how many parameters it takes (`self` and `cls` apart)."""

    place: str
    lines: int
    parameters: int


class Module(NamedTuple):
    """One file and its functions."""

    path: str
    lines: int
    functions: list[Function]


def measure(path: Path, root: Path) -> Module:
    """Measure one Python file."""
    text = path.read_text()
    name = path.relative_to(root).as_posix()
    return Module(name, len(text.splitlines()), list(_functions(ast.parse(text), name)))


def _functions(tree: ast.AST, name: str, prefix: str = "") -> Iterator[Function]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, name, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(f"{name}:{prefix}{node.name}", _length(node), _parameters(node))
            yield from _functions(node, name, f"{prefix}{node.name}.")
        else:
            yield from _functions(node, name, prefix)


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return a function's lines without its docstring: explaining more must never be the costlier choice."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    positional = [*node.args.posonlyargs, *node.args.args]
    bound = bool(positional) and positional[0].arg in {"self", "cls"}
    return len(positional) - bound + len(node.args.kwonlyargs)


def violations(modules: list[Module]) -> list[str]:
    """Return one sentence for each thing that is too large."""
    found = [
        f"{module.path} has {module.lines} lines (at most {MODULE_LINES_HARD})"
        for module in modules
        if module.lines > MODULE_LINES_HARD
    ]
    for function in (function for module in modules for function in module.functions):
        if function.lines > FUNCTION_LINES:
            found.append(f"{function.place} has {function.lines} lines (at most {FUNCTION_LINES})")
        if function.parameters > PARAMETERS and function.place not in MANY_PARAMETERS:
            found.append(f"{function.place} takes {function.parameters} parameters (at most {PARAMETERS})")
    return found


def table(modules: list[Module]) -> str:
    """Return the distribution of sizes, and the modules past the soft limit."""
    functions = [function for module in modules for function in module.functions]
    rows = [
        ("module lines", sorted(module.lines for module in modules), MODULE_LINES),
        ("function lines", sorted(function.lines for function in functions), FUNCTION_LINES),
        ("parameters", sorted(function.parameters for function in functions), PARAMETERS),
    ]
    out = [f"  {'':<15}{'count':>7}{'median':>8}{'p95':>6}{'max':>6}{'limit':>7}"]
    for title, values, limit in rows:
        out.append(
            f"  {title:<15}{len(values):>7}{_quantile(values, 0.5):>8}{_quantile(values, 0.95):>6}"
            f"{_quantile(values, 1.0):>6}{limit:>7}"
        )
    large = sorted((module for module in modules if module.lines > MODULE_LINES), key=lambda module: -module.lines)
    out += [f"  past the soft limit: {module.path} ({module.lines} lines)" for module in large]
    return "\n".join(out)


def _quantile(ordered: list[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def main() -> int:
    """Measure the whole repository; return 1 when something is too large."""
    paths = [path for source in SOURCES for path in sorted((ROOT / source).rglob("*.py"))]
    modules = [measure(path, ROOT) for path in paths if GENERATED not in path.as_posix()]
    print(table(modules))
    found = violations(modules)
    for sentence in found:
        print(f"  too large: {sentence}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
