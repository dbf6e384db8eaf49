"""The runner of documentation notices a page that isn't true."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from scripts.run_page import PageError, blocks, commands, run_page


def run(tmp_path: Path, text: str) -> int:
    page = tmp_path / "page.md"
    page.write_text(text)
    folder = tmp_path / "folder"
    folder.mkdir()
    return run_page(page, folder)


def test_python_blocks_share_one_namespace(tmp_path: Path) -> None:
    assert run(tmp_path, "```python\nx = 20\n```\nthen\n```python\nassert x + 1 == 21\n```\n") == 2


def test_a_python_block_that_raises_fails_the_page(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, "```python\n1 / 0\n```\n")


def test_a_wrong_output_at_a_prompt_fails_the_page(tmp_path: Path) -> None:
    with pytest.raises(PageError, match="Expected:\n    3\nGot:\n    2"):
        run(tmp_path, "```python\n>>> 1 + 1\n3\n```\n")


def test_a_wrong_output_of_a_command_fails_the_page(tmp_path: Path) -> None:
    with pytest.raises(PageError, match="is shown to print:\nbye\nand prints:\nhello"):
        run(tmp_path, "```console\n$ echo hello\nbye\n```\n")


def test_an_ellipsis_stands_for_anything(tmp_path: Path) -> None:
    assert run(tmp_path, "```console\n$ echo one 7 three\none ... three\n$ true\n```\n") == 1


def test_an_unexpected_exit_code_fails_the_page(tmp_path: Path) -> None:
    with pytest.raises(PageError, match="exits with 3, not 0"):
        run(tmp_path, "```console\n$ exit 3\n```\n")


def test_an_exit_code_can_be_expected(tmp_path: Path) -> None:
    assert run(tmp_path, "```console\n$ exit 3  # exits with 3\n```\n") == 1


def test_a_titled_block_becomes_a_file(tmp_path: Path) -> None:
    run(tmp_path, '```python title="steps/hello.py"\nprint("hi")\n```\n```console\n$ python steps/hello.py\nhi\n```\n')


def test_a_block_with_a_reason_is_left_out(tmp_path: Path) -> None:
    assert run(tmp_path, "<!-- no-run: needs a cluster -->\n```python\n1 / 0\n```\n") == 0


def test_a_reason_counts_for_its_own_block_only(tmp_path: Path) -> None:
    page = "<!-- no-run: needs a cluster -->\n```python\n1 / 0\n```\n\n```python\n1 / 0\n```\n"
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, page)


def test_a_server_left_running_answers_and_ends_with_the_page(tmp_path: Path) -> None:
    script = (
        "import http.server, sys\n"
        "server = http.server.HTTPServer(('127.0.0.1', 8300), http.server.SimpleHTTPRequestHandler)\n"
        "print('http://127.0.0.1:8300', flush=True)\n"
        "server.serve_forever()\n"
    )
    ask = (
        "import pathlib, urllib.request\n"
        "url = 'http://127.0.0.1:8300'\n"
        "with urllib.request.urlopen(url) as answer:\n"
        "    assert answer.status == 200\n"
        "pathlib.Path('url').write_text(url)\n"
    )
    page = tmp_path / "page.md"
    page.write_text(
        f'```python title="serve.py"\n{script}```\n```console\n$ python serve.py &\n```\n```python\n{ask}```\n'
    )
    (tmp_path / "folder").mkdir()
    run_page(page, tmp_path / "folder")
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen((tmp_path / "folder/url").read_text())


def test_a_command_may_go_on_over_lines() -> None:
    block = next(blocks("```console\n$ echo a \\\n> b\na b\n```\n"))
    assert [(one.command, one.expected) for one in commands(block)] == [("echo a \\\nb", "a b")]


def test_an_indented_block_is_found() -> None:
    block = next(blocks("1. Do this:\n\n   ```python\n   x = 1\n   ```\n"))
    assert (block.language, block.text, block.line) == ("python", "x = 1\n", 4)
