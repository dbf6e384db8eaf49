"""Every example in a docstring is run: the reference shows them."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import mlwright

_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _modules() -> list[str]:
    """Return the names of the modules that have an example."""
    root = Path(mlwright.__path__[0])
    paths = [path for path in sorted(root.rglob("*.py")) if "    >>> " in path.read_text()]
    return [
        ".".join(("mlwright", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
        for path in paths
    ]


@pytest.mark.parametrize("name", _modules())
def test_the_examples_of_a_module_are_true(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=_FLAGS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        runner.run(test, out=report.append)
    assert not report, "".join(report)
