"""Directed acyclic graphs over names: order, cycles, levels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class CycleError(ValueError):
    """The graph has a cycle; `path` walks it, first name repeated at the end."""

    def __init__(self, path: list[str]) -> None:
        super().__init__(" -> ".join(path))
        self.path = path


def topological_order(upstream: Mapping[str, Iterable[str]]) -> list[str]:
    """Order names so that each comes after all it depends on; ties keep the order given.

    Args:
        upstream: For each name, the names it depends on (all must be keys).

    Raises:
        CycleError: The names can't be ordered.

    Example:
        >>> topological_order({"c": ["a", "b"], "b": ["a"], "a": []})
        ['a', 'b', 'c']
    """
    state: dict[str, int] = {}
    order: list[str] = []
    for root in upstream:
        if root in state:
            continue
        # An explicit stack: a chain of 100,000 steps must not meet the recursion limit.
        stack = [(root, iter(upstream[root]))]
        state[root] = 1
        while stack:
            name, rest = stack[-1]
            for dependency in rest:
                if state.get(dependency) == 1:
                    names = [entry[0] for entry in stack]
                    raise CycleError([*names[names.index(dependency) :], dependency])
                if dependency not in state:
                    state[dependency] = 1
                    stack.append((dependency, iter(upstream[dependency])))
                    break
            else:
                stack.pop()
                state[name] = 2
                order.append(name)
    return order


def levels(upstream: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Return for each name the length of the longest path that leads to it (0 for sources)."""
    depth: dict[str, int] = {}
    for name in topological_order(upstream):
        depth[name] = max((depth[dependency] + 1 for dependency in upstream[name]), default=0)
    return depth


def descendants(upstream: Mapping[str, Iterable[str]], roots: Iterable[str]) -> set[str]:
    """Return the roots and everything that depends on them, directly or not."""
    reached = set(roots)
    for name in topological_order(upstream):
        if reached.intersection(upstream[name]):
            reached.add(name)
    return reached
