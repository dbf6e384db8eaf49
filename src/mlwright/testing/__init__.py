"""Contract suites that every adapter of a port passes, for this package's adapters and for those of others.

A suite is a class of tests: subclass it in your tests, give its fixtures, and run pytest. The tests themselves can't be
overridden, so a green suite means the same for every adapter.
"""

from __future__ import annotations


def refuse_overrides(suite: type, subclass: type) -> None:
    """Raise `TypeError` when a subclass defines a test that its contract suite has."""
    overridden = sorted(name for name in vars(subclass) if name.startswith("test_") and hasattr(suite, name))
    if overridden:
        raise TypeError(f"{subclass.__name__} overrides the contract's {', '.join(overridden)}")
