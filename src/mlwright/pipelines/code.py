"""Which code a step's result depends on: the function, and whatever of the project's own code it reaches.

Read from the syntax trees, so comments and layout don't count. Starting with the function, every name that it uses is
followed: to the statements of its module that define or change it, through imports into other modules of the project,
and to the names of the installed packages that are imported. What is reached only at run time (`getattr` with a
computed name, `importlib`) is not seen; `@step(version=...)` or `cache=False` are for such steps.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from mlwright.core.digest import digest_bytes, digest_json
from mlwright.pipelines.entry import resolve, why_not_findable
from mlwright.pipelines.spec import Entry

_WHOLE = "*"
_GUARD = "__name__"


class Code(NamedTuple):
    """What a step's function reaches.

    Attributes:
        parts: Name of each piece (`module:name`) to the digest of its text.
        packages: Top-level names of the installed packages that it imports.
    """

    parts: dict[str, str]
    packages: frozenset[str]

    @property
    def digest(self) -> str:
        """The digest of all pieces together."""
        return digest_json(self.parts)


def code_of(entry: Entry, roots: Iterable[str]) -> Code:
    """Return the code that a step's result depends on.

    Args:
        entry: The step's function.
        roots: Import roots; modules that are found in them are the project's own.
    """
    walk = _Walk(tuple(root for root in roots if root))
    path = walk.find(entry.module) if entry.module else walk.find_file(entry.file)
    if path is None or why_not_findable(entry):
        return _code_of_live(resolve(entry, roots))
    name = entry.module or path.stem
    walk.modules[name] = path
    return walk.run(name, entry.qualname.split(".")[0])


class _Statement(NamedTuple):
    """A statement at the top of a module.

    Attributes:
        digest: Of its text, without positions; and without the decorator that makes it a step.
        binds: Names that it defines or changes.
        uses: Names that it reads, each with the attribute read from it where that is what is used.
        imports: Imports inside it.
    """

    digest: str
    binds: frozenset[str]
    uses: frozenset[tuple[str, str]]
    imports: tuple[tuple[str, str, str], ...]


class _Walk:
    """Follows names from a function through the project's modules."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.roots = roots
        self.modules: dict[str, Path | None] = {}
        self.parts: dict[str, str] = {}
        self.packages: set[str] = set()
        self._seen: set[tuple[str, str]] = set()

    def run(self, module: str, name: str) -> Code:
        pending = [(module, name)]
        while pending:
            place = pending.pop()
            if place not in self._seen:
                self._seen.add(place)
                pending += self._follow(*place)
        return Code(dict(sorted(self.parts.items())), frozenset(self.packages))

    def find(self, module: str) -> Path | None:
        """Return the file of a module of the project, None when it is somebody else's."""
        if module not in self.modules:
            tail = module.replace(".", "/")
            candidates = (
                Path(root) / ending for root in self.roots for ending in (f"{tail}.py", f"{tail}/__init__.py")
            )
            found = next((path for path in candidates if path.is_file()), None)
            self.modules[module] = None if found is None or "site-packages" in found.parts else found
        return self.modules[module]

    def find_file(self, file: str) -> Path | None:
        """Return the path of a script."""
        return next((path for root in self.roots if (path := Path(root) / file).is_file()), None)

    def _follow(self, module: str, name: str) -> Iterator[tuple[str, str]]:
        path = self.find(module)
        if path is None:
            top = module.split(".")[0]
            if top not in sys.stdlib_module_names:
                self.packages.add(top)
            return
        statements = _parse(str(path), path.stat().st_mtime_ns)
        chosen = [one for one in statements if name == _WHOLE or name in one.binds]
        if not chosen:
            yield from self._elsewhere(module, name)
            return
        digests = [one.digest for one in chosen if one.digest]
        if digests:
            self.parts[f"{module}:{name}"] = digests[0] if len(digests) == 1 else digest_json(digests)
        is_package = path.stem == "__init__"
        for one in chosen:
            for used, attribute in one.uses:
                yield from self._used(module, statements, used, attribute, is_package)
            for imported in one.imports:
                if one.digest or name in (_WHOLE, imported[2]):
                    yield from self._imported(module, imported, "", is_package)

    def _elsewhere(self, module: str, name: str) -> Iterator[tuple[str, str]]:
        """Follow a name that no statement binds: a module of the package, or something made at run time."""
        if self.find(f"{module}.{name}") is not None:
            yield f"{module}.{name}", _WHOLE
        elif name != _WHOLE:
            yield module, _WHOLE

    def _used(
        self, module: str, statements: tuple[_Statement, ...], used: str, attribute: str, is_package: bool
    ) -> Iterator[tuple[str, str]]:
        for one in statements:
            if used not in one.binds:
                continue
            bindings = [imported for imported in one.imports if imported[2] == used]
            if one.digest or not bindings:
                yield module, used
            for imported in bindings:
                yield from self._imported(module, imported, attribute, is_package)

    def _imported(
        self, module: str, imported: tuple[str, str, str], attribute: str, is_package: bool
    ) -> Iterator[tuple[str, str]]:
        """Follow one import: `(module as written, name or empty, bound name)`."""
        source, name, _ = imported
        target = _absolute(source, module, is_package)
        if name and name != _WHOLE:
            if self.find(f"{target}.{name}") is not None:
                yield f"{target}.{name}", attribute or _WHOLE
            elif self.find(target) is None:
                yield target, _WHOLE
            else:
                yield target, name
        elif name == _WHOLE or not attribute:
            yield target, _WHOLE
        else:
            yield target, attribute


def _absolute(source: str, module: str, is_package: bool) -> str:
    level = len(source) - len(source.lstrip("."))
    if not level:
        return source
    base = module.split(".")
    kept = base[: len(base) - level + (1 if is_package else 0)]
    return ".".join([*kept, *([source[level:]] if source[level:] else [])])


@lru_cache(maxsize=1024)
def _parse(path: str, _mtime_ns: int) -> tuple[_Statement, ...]:
    tree = ast.parse(Path(path).read_bytes())
    return tuple(_statement(node) for node in tree.body if not _is_main_part(node))


def _is_main_part(node: ast.stmt) -> bool:
    """Tell whether a statement runs only when the file is the main program."""
    if not isinstance(node, ast.If):
        return False
    return any(isinstance(part, ast.Name) and part.id == _GUARD for part in ast.walk(node.test))


def _statement(node: ast.stmt) -> _Statement:
    imports = tuple(_imports(node))
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return _Statement("", frozenset(bound for _, _, bound in imports), frozenset(), imports)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        node.decorator_list = [one for one in node.decorator_list if not _makes_step(one)]
    digest = digest_bytes(ast.dump(node, annotate_fields=False).encode())
    return _Statement(digest, frozenset(_bound(node)), frozenset(_uses(node)), imports)


def _makes_step(decorator: ast.expr) -> bool:
    """Tell whether a decorator is `@step`, whose settings are no part of what the function computes."""
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    name = decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")
    return name in ("step", "pipeline")


def _imports(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            for alias in part.names:
                # `import a.b` binds `a`, and makes a.b loaded.
                yield alias.name, "", alias.asname or alias.name.split(".")[0]
        elif isinstance(part, ast.ImportFrom):
            for alias in part.names:
                yield "." * part.level + (part.module or ""), alias.name, alias.asname or alias.name


def _bound(node: ast.stmt) -> Iterator[str]:
    """Go through the names that a statement defines, and those whose values it may change."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
        return
    plain = isinstance(node, (ast.Assign, ast.AnnAssign)) and not any(
        isinstance(part, (ast.Attribute, ast.Subscript)) and isinstance(part.ctx, ast.Store) for part in ast.walk(node)
    )
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and (isinstance(part.ctx, ast.Store) or not plain):
            yield part.id
        elif isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield part.name
        elif isinstance(part, ast.alias):
            yield part.asname or part.name.split(".")[0]


def _uses(node: ast.AST) -> Iterator[tuple[str, str]]:
    inner: set[int] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            inner.add(id(part.value))
            yield part.value.id, part.attr
        elif isinstance(part, ast.Name) and id(part) not in inner:
            yield part.id, ""


def _code_of_live(function: Callable[..., Any]) -> Code:
    """Return the code of a function that was not read from a file: its byte code, and that of functions it names."""
    parts: dict[str, str] = {}
    packages: set[str] = set()
    pending: list[FunctionType] = [function] if isinstance(function, FunctionType) else []
    while pending:
        one = pending.pop()
        name = f"{one.__module__}:{one.__qualname__}"
        if name in parts:
            continue
        parts[name] = digest_json([_byte_code(one.__code__), repr(one.__defaults__), _cells(one)])
        for used in _names(one.__code__):
            value = one.__globals__.get(used)
            value = getattr(value, "function", value)
            if isinstance(value, FunctionType) and value.__module__ == one.__module__:
                pending.append(value)
            elif isinstance(value, (ModuleType, type, FunctionType)):
                packages.add((getattr(value, "__module__", None) or value.__name__).split(".")[0])
            elif isinstance(value, (int, float, str, bool, tuple)):
                parts[f"{one.__module__}:{used}"] = digest_json(repr(value))
    return Code(dict(sorted(parts.items())), frozenset(packages - sys.stdlib_module_names - {"__main__"}))


def _byte_code(code: CodeType) -> list[Any]:
    constants = [_byte_code(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), list(code.co_varnames), constants]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _cells(function: FunctionType) -> list[str]:
    found = []
    for cell in function.__closure__ or ():
        content = cell.cell_contents
        found.append(
            repr(inspect.unwrap(content).__code__.co_code) if isinstance(content, FunctionType) else repr(content)
        )
    return found
