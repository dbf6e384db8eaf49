"""Cache keys: everything that a result depends on changes the key, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlwright.core.environment import describe_environment, versions_of
from mlwright.pipelines.cache import Keys, key_of, why_miss
from mlwright.pipelines.code import code_of
from mlwright.pipelines.port import Input, Many, Named, Plain, Stored
from mlwright.pipelines.spec import Entry, StepNode

FILES = {
    "flow.py": """
import math
import helpers
from pkg import clean
from pkg.deep import LIMIT as TOP
from mlwright import step, pipeline

FACTOR = 2
TABLE = {}
TABLE["a"] = 1
UNUSED = 7

def inner(x):
    return x * FACTOR + TOP

@step(retries=1)
def work(x: int) -> int:
    '''Work.'''
    # a comment
    return clean(inner(x)) + helpers.used(x) + TABLE["a"]

@step
def other(x: int) -> int:
    import numpy as np
    return int(np.sqrt(x))

if __name__ == "__main__":
    print("main")
""",
    "helpers.py": """
def used(x):
    return math_of(x)

def math_of(x):
    return x

def unused(x):
    return 0
""",
    "pkg/__init__.py": "from .impl import clean\n",
    "pkg/impl.py": """
from . import deep

def clean(x):
    return deep.limit(x)
""",
    "pkg/deep.py": """
LIMIT = 10

def limit(x):
    return min(x, LIMIT)

def unused():
    return 1
""",
}
WORK = Entry(file="flow.py", qualname="work")


@pytest.fixture
def project_code(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def digest(root: Path, entry: Entry = WORK) -> str:
    return code_of(entry, [str(root)]).digest


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    # The cache of parsed files goes by the time of change, which a fast test could leave equal.
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("flow.py", "return clean(inner(x))", "return 1 + clean(inner(x))"),
        ("flow.py", "FACTOR = 2", "FACTOR = 3"),
        ("flow.py", 'TABLE["a"] = 1', 'TABLE["a"] = 2'),
        ("flow.py", "x * FACTOR", "x + FACTOR"),
        ("helpers.py", "return math_of(x)", "return 2 * math_of(x)"),
        ("helpers.py", "def math_of(x):\n    return x", "def math_of(x):\n    return -x"),
        ("pkg/impl.py", "deep.limit(x)", "deep.limit(x) + 1"),
        ("pkg/deep.py", "LIMIT = 10", "LIMIT = 11"),
        ("pkg/deep.py", "min(x, LIMIT)", "max(x, LIMIT)"),
        ("pkg/__init__.py", "from .impl import clean", "from .deep import limit as clean"),
    ],
)
def test_any_change_of_code_that_a_step_reaches_changes_its_code(
    project_code: Path, name: str, old: str, new: str
) -> None:
    before = digest(project_code)
    edit(project_code, name, old, new)
    assert digest(project_code) != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("flow.py", "# a comment", "# another comment, and\n\n    # more"),
        ("flow.py", "UNUSED = 7", "UNUSED = 8"),
        ("flow.py", "np.sqrt(x)", "np.sqrt(x + 1)"),
        ("flow.py", "@step(retries=1)", "@step(retries=5, timeout_s=3)"),
        ("flow.py", 'print("main")', 'print("other")'),
        ("helpers.py", "def unused(x):\n    return 0", "def unused(x):\n    return 1"),
        ("pkg/deep.py", "def unused():\n    return 1", "def unused():\n    return 2"),
    ],
)
def test_what_a_step_does_not_reach_does_not_change_its_code(project_code: Path, name: str, old: str, new: str) -> None:
    before = digest(project_code)
    edit(project_code, name, old, new)
    assert digest(project_code) == before


def test_the_pieces_are_named_and_the_packages_known(project_code: Path) -> None:
    code = code_of(WORK, [str(project_code)])
    assert {"flow:work", "flow:inner", "flow:FACTOR", "helpers:used", "pkg.impl:clean", "pkg.deep:LIMIT"} <= set(
        code.parts
    )
    assert code.packages == frozenset()
    assert code_of(Entry(file="flow.py", qualname="other"), [str(project_code)]).packages == {"numpy"}


def test_a_function_of_no_file_is_known_by_its_byte_code() -> None:
    def made(factor: int) -> Entry:
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(f"def scale(x):\n    return x * {factor} + shift(x)\ndef shift(x):\n    return x", space)
        from mlwright.pipelines import entry as entries

        entry = Entry(qualname=f"scale_{factor}_{id(space)}")
        entries._live[entry] = space["scale"]
        return entry

    first, again, other = (code_of(made(factor), []) for factor in (2, 2, 3))
    assert first == again
    assert first != other
    assert "__main__:shift" in first.parts


def test_the_environment_of_a_package_is_its_version_and_those_that_it_requires() -> None:
    versions = versions_of(frozenset({"sklearn"}))
    assert {"scikit-learn", "numpy", "scipy"} <= set(versions)
    assert versions["numpy"] == describe_environment()["packages"]["numpy"]
    assert versions_of(frozenset({"no_such_package"})) == {"no-such-package": ""}


PLAIN = st.builds(Plain, value=st.integers() | st.text() | st.booleans() | st.floats(allow_nan=False))
STORED = st.builds(
    Stored, digest=st.sampled_from(["sha256:" + c * 64 for c in "0123"]), codec=st.sampled_from(["json", "arrow"])
)
INPUTS: st.SearchStrategy[dict[str, Input]] = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.recursive(
        PLAIN | STORED,
        lambda inner: (
            st.builds(Many, items=st.lists(inner, max_size=3))
            | st.builds(Named, items=st.dictionaries(st.sampled_from("xyz"), inner, max_size=2))
        ),
        max_leaves=4,
    ),
)
NODE = StepNode(key="k", name="n", entry=Entry(qualname="work"), version="1")
KEYS = Keys([])


def key(inputs: dict[str, Input], **facts: Any) -> str:
    node = StepNode(key="k", name="n", entry=facts.pop("entry", NODE.entry), **{"version": "1", **facts})
    keys = Keys([])
    keys._known[node.entry, node.version] = {
        "step": str(node.entry),
        "code": {"version": node.version},
        "environment": {},
    }
    return key_of(keys.parts(node, inputs))


@given(INPUTS, INPUTS)
def test_different_inputs_have_different_keys(left: dict[str, Input], right: dict[str, Input]) -> None:
    assume(repr(sorted(left.items(), key=str)) != repr(sorted(right.items(), key=str)))
    assert key(left) != key(right)


@given(INPUTS)
def test_the_order_of_inputs_and_the_key_of_the_step_do_not_matter(inputs: dict[str, Input]) -> None:
    turned = dict(reversed(inputs.items()))
    assert key(turned) == key(inputs)


@given(INPUTS, st.sampled_from([{"version": "2"}, {"env": {"A": "1"}}, {"entry": Entry(qualname="other")}]))
def test_version_variables_and_function_are_part_of_the_key(inputs: dict[str, Input], change: dict[str, Any]) -> None:
    assert key(inputs, **change) != key(inputs)


def test_the_content_of_a_path_is_part_of_the_key(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("1")
    inputs: dict[str, Input] = {"path": Plain(value=str(file))}
    before, without = key(inputs, paths=("path",)), key(inputs)
    file.write_text("22")
    assert key(inputs, paths=("path",)) != before
    assert key(inputs) == without
    folder: dict[str, Input] = {"path": Plain(value=str(tmp_path))}
    before = key(folder, paths=("path",))
    (tmp_path / "more").write_text("3")
    assert key(folder, paths=("path",)) != before


def test_a_miss_says_what_changed() -> None:
    base = {
        "code": {"flow:work": "sha256:1", "flow:clean": "sha256:2"},
        "inputs": {"rows": {"digest": "sha256:" + "a" * 64, "codec": "json"}, "rate": {"value": 0.1}},
        "environment": {"python": "cpython 3.11.7", "numpy": "2.3"},
        "env": {},
    }
    assert why_miss(base, None) == "first run of this step's function"
    assert why_miss({**base, "code": {**base["code"], "flow:clean": "sha256:3"}}, base) == (
        "the code of 'flow:clean' changed since its newest result"
    )
    changed = {**base, "inputs": {**base["inputs"], "rate": {"value": 0.2}}}
    assert why_miss(changed, base) == "input 'rate' changed from 0.1 to 0.2 since its newest result"
    changed = {**base, "environment": {**base["environment"], "numpy": "2.4"}}
    assert why_miss(changed, base) == "package 'numpy' changed from 2.3 to 2.4 since its newest result"
    changed = {**base, "inputs": {"rows": {"digest": "sha256:" + "b" * 64, "codec": "json"}}}
    assert "input 'rate' is gone and 1 more" in why_miss(changed, base)
