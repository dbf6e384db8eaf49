"""The size gate, run on small fixtures: a gate that can't fail is a defect."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import sizes


def measured(tmp_path: Path, text: str) -> sizes.Module:
    path = tmp_path / "module.py"
    path.write_text(text)
    return sizes.measure(path, tmp_path)


def test_a_module_past_the_hard_stop_is_refused(tmp_path: Path) -> None:
    module = measured(tmp_path, "x = 1\n" * 601)
    assert sizes.violations([module]) == ["module.py has 601 lines (at most 600)"]


def test_a_module_past_the_soft_limit_is_only_listed(tmp_path: Path) -> None:
    module = measured(tmp_path, "x = 1\n" * 401)
    assert sizes.violations([module]) == []
    assert "past the soft limit: module.py (401 lines)" in sizes.table([module])


def test_a_long_function_is_refused_and_named_with_its_class(tmp_path: Path) -> None:
    body = "\n".join("        x = 1" for _ in range(50))
    module = measured(tmp_path, f"class Thing:\n    def act(self):\n{body}\n")
    assert sizes.violations([module]) == ["module.py:Thing.act has 51 lines (at most 50)"]


def test_a_docstring_does_not_make_a_function_long(tmp_path: Path) -> None:
    docstring = '    """' + "\n    words" * 60 + '\n    """'
    module = measured(tmp_path, f"def act():\n{docstring}\n    return 1\n")
    assert sizes.violations([module]) == []


@pytest.mark.parametrize(
    ("signature", "counted"),
    [
        ("a, b, c, d, e, f", 6),
        ("a, b, c, d, e, f, g", 7),
        ("a, b, c, *, d, e, f, g", 7),
        ("a, b, c, *, d=1, e=2, f=3, g=4", 7),
        ("self, a, b, c, d, e, f", 6),
    ],
)
def test_parameters_are_counted_without_self(tmp_path: Path, signature: str, counted: int) -> None:
    module = measured(tmp_path, f"def act({signature}):\n    pass\n")
    assert module.functions[0].parameters == counted
    assert bool(sizes.violations([module])) == (counted > 6)


def test_nested_functions_are_measured_too(tmp_path: Path) -> None:
    module = measured(tmp_path, "def outer():\n    if True:\n        def inner(a, b):\n            pass\n")
    assert [function.place for function in module.functions] == ["module.py:outer", "module.py:outer.inner"]
