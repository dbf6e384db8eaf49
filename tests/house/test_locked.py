"""The lock gate notices a requirement without a pin, a version that isn't allowed, and a pin without a hash."""

from __future__ import annotations

import copy
from typing import Any

from scripts import locked

PYPROJECT: dict[str, Any] = {
    "project": {
        "name": "thing",
        "dependencies": ["Alpha>=2"],
        "optional-dependencies": {"ml": ["beta"], "dev": ["thing[ml]", "gamma>=1"]},
    }
}
LOCK = "alpha==2.1 \\\n    --hash=sha256:a\nbeta==1 \\\n    --hash=sha256:b\ngamma==1.0 \\\n    --hash=sha256:c\n"


def test_a_complete_lock_has_no_problems() -> None:
    assert locked.problems(PYPROJECT, LOCK) == []


def test_a_missing_package_of_a_named_extra_is_found() -> None:
    lock = LOCK.replace("beta==1", "other==1")
    assert locked.problems(PYPROJECT, lock) == ["beta is not pinned (pinned: nothing)"]


def test_a_pin_outside_the_declared_range_is_found() -> None:
    pyproject = copy.deepcopy(PYPROJECT)
    pyproject["project"]["dependencies"] = ["Alpha>=3"]
    assert locked.problems(pyproject, LOCK) == ["Alpha>=3 is not pinned (pinned: 2.1)"]


def test_a_pin_without_a_hash_is_found() -> None:
    assert locked.problems(PYPROJECT, LOCK + "delta==9\n") == ["delta==9 has no hash"]


def test_a_lock_that_is_laid_over_another_must_agree_with_it() -> None:
    assert locked.disagreements("alpha==2.1 \\\n    --hash=sha256:a\nonly==1 \\\n    --hash=sha256:b\n", LOCK) == []
    found = locked.disagreements("alpha==2.2 \\\n    --hash=sha256:a\nonly==1\n", LOCK)
    assert [sentence.split()[0] for sentence in found] == ["alpha", "only==1"]
