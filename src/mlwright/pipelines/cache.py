"""Cache keys: an equal call of equal code in an equal environment takes the result that is there.

A key is the digest of its parts, and the parts are kept, so that a later call that differs can say in what.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlwright.core.digest import digest_json
from mlwright.core.environment import python_version, versions_of
from mlwright.core.ids import short
from mlwright.pipelines.code import code_of
from mlwright.pipelines.port import Input, Many, Named, Stored
from mlwright.pipelines.spec import Entry, StepNode

Parts = dict[str, Any]
_MAX_SHOWN = 40


class Keys:
    """Computes the cache keys of one run's steps; code and environment are looked at once.

    Args:
        roots: Import roots of the steps' modules.
    """

    def __init__(self, roots: list[str]) -> None:
        self._roots = roots
        self._known: dict[tuple[Entry, str], Parts] = {}

    def parts(self, node: StepNode, inputs: dict[str, Input]) -> Parts:
        """Return everything that the result of a step depends on.

        Args:
            node: The step.
            inputs: Argument to value.
        """
        fixed = self._known.get((node.entry, node.version))
        if fixed is None:
            fixed = self._known[node.entry, node.version] = self._fixed(node)
        outputs = [f"{output.name}:{output.codec}" for output in node.outputs if output.codec]
        return {
            **fixed,
            "inputs": {name: _part(given, name, node) for name, given in inputs.items()},
            "env": node.env,
            "outputs": outputs,
        }

    def code_digest(self, nodes: tuple[StepNode, ...]) -> str:
        """Return the digest of the project's code that any of the steps reaches."""
        parts: dict[str, Any] = {}
        for node in nodes:
            parts.update(self.parts(node, {})["code"])
        return digest_json(parts)

    def _fixed(self, node: StepNode) -> Parts:
        code = code_of(node.entry, self._roots)
        return {
            "step": name_of(node.entry),
            "code": {"version": node.version} if node.version else code.parts,
            "environment": {"python": python_version(), **versions_of(code.packages)},
        }


def key_of(parts: Parts) -> str:
    """Return the cache key of some parts; their order doesn't matter."""
    return digest_json(parts)


def name_of(entry: Entry) -> str:
    """Return what a step's function is called, whichever process it was defined in."""
    return str(entry).partition("#")[0]


def why_hit(run_id: str | None) -> str:
    """Return the sentence for a step whose result was taken."""
    origin = f" as in run {short(run_id)}" if run_id else " as before"
    return f"taken from the cache: same code, inputs, parameters and environment{origin}"


def why_miss(parts: Parts, before: Parts | None) -> str:
    """Return the sentence for a step that had to run.

    Args:
        parts: Of the step's key.
        before: Of the newest result of the same function; None when there is none.
    """
    if before is None:
        return "first run of this step's function"
    changes = [
        *_changed("the code of", before.get("code", {}), parts["code"]),
        *_changed("input", before.get("inputs", {}), parts["inputs"], values=True),
        *_changed("package", before.get("environment", {}), parts["environment"], values=True),
        *_changed("environment variable", before.get("env", {}), parts["env"], values=True),
    ]
    if not changes:
        return "an equal result was there before and is gone, or the step's settings changed"
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    return f"{changes[0]}{more} since its newest result"


def _changed(noun: str, before: dict[str, Any], now: dict[str, Any], *, values: bool = False) -> list[str]:
    found = []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if old != new:
            detail = f" from {_shown(old)} to {_shown(new)}" if values and name in before and name in now else ""
            verb = "changed" if name in before and name in now else "is new" if name in now else "is gone"
            found.append(f"{noun} '{name}' {verb}{detail}")
    return found


def _shown(value: Any) -> str:
    if isinstance(value, dict) and set(value) <= {"value", "digest", "codec", "content"}:
        value = value.get("value", value.get("digest"))
    text = str(value)
    text = text[:15] if text.startswith("sha256:") else text
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."


def _part(given: Input, name: str, node: StepNode) -> Any:
    if isinstance(given, Stored):
        return {"digest": given.digest, "codec": given.codec}
    if isinstance(given, Many):
        return [_part(item, name, node) for item in given.items]
    if isinstance(given, Named):
        return {key: _part(item, name, node) for key, item in given.items.items()}
    content = _file_digest(given.value) if name in node.paths and isinstance(given.value, str) else None
    return {"value": given.value} if content is None else {"value": given.value, "content": content}


def _file_digest(text: str) -> str | None:
    """Return the digest of a file or folder that an argument names; None when there is nothing of that name."""
    path = Path(text)
    try:
        if path.is_file():
            stat = path.stat()
            return _digest_of(str(path.resolve()), stat.st_mtime_ns, stat.st_size)
        if path.is_dir():
            return digest_json(sorted(_listing(path)))
    except OSError:
        return None
    return None


def _listing(folder: Path) -> list[list[Any]]:
    found = []
    for place, _, files in os.walk(folder):
        for file in files:
            path = Path(place) / file
            stat = path.stat()
            digest = _digest_of(str(path), stat.st_mtime_ns, stat.st_size)
            found.append([str(path.relative_to(folder)), digest])
    return found


@lru_cache(maxsize=4096)
def _digest_of(path: str, _mtime_ns: int, _size: int) -> str:
    import hashlib

    with open(path, "rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
