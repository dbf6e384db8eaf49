"""The generator of the reference: docstrings become Markdown, and a page that is out of date is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import make_reference


def documented(name: str, *, limit: int = 3) -> list[str]:
    """Return things of a name.

    It takes a second paragraph.

    Args:
        name: What they are called,
            in two lines.
        limit: How many at most.

    Raises:
        LookupError: There are none.

    Example:
        >>> documented("a")
        []
    """
    raise LookupError(name, limit)


def test_sections_of_a_docstring_become_lists_and_a_block() -> None:
    text = make_reference.markdown(make_reference.inspect.getdoc(documented) or "")
    assert text == (
        "Return things of a name.\n\nIt takes a second paragraph.\n\n"
        "**Args**\n\n- `name`: What they are called, in two lines.\n- `limit`: How many at most.\n\n"
        "**Raises**\n\n- `LookupError`: There are none.\n\n"
        '```text\n>>> documented("a")\n[]\n```'
    )


def test_a_signature_is_shown_as_it_is_typed() -> None:
    assert make_reference.signature(documented) == "(name: str, *, limit: int = 3) -> list[str]"


def test_a_long_signature_has_a_line_for_each_parameter() -> None:
    def long(first: dict[str, list[int]], second: dict[str, list[int]], third: dict[str, list[int]]) -> list[str]: ...

    assert make_reference.signature(long) == (
        "(\n    first: dict[str, list[int]],\n    second: dict[str, list[int]],\n    third: dict[str, list[int]],\n)"
        " -> list[str]"
    )


def test_a_page_that_is_out_of_date_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_reference, "PAGES", {"one.md": lambda: "new\n", "two.md": lambda: "same\n"})
    monkeypatch.setattr(make_reference, "REFERENCE", tmp_path)
    (tmp_path / "one.md").write_text("old\n")
    (tmp_path / "two.md").write_text("same\n")
    assert make_reference.main(["--check"]) == 1
    assert (tmp_path / "one.md").read_text() == "old\n"
    assert make_reference.main([]) == 0
    assert (tmp_path / "one.md").read_text() == "new\n"
    assert make_reference.main(["--check"]) == 0
