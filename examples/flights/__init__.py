"""The flights system: will this flight arrive more than 15 minutes late? All flights that left New York City in 2013.

`data.py` reads the raw tables, `features.py` makes features that are known an hour before departure, `pipeline.py`
trains and registers, `system.py` declares the whole loop, `replay.py` replays the year through the gateway, `demo.py`
puts it together: `mlwright demo` calls `main`.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(words: Sequence[str] = ()) -> int:
    """Run the demo; `words` are command line options."""
    from .demo import run

    return run(words)
