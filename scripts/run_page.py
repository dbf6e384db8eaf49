"""Run the code blocks of a page of documentation, so that what it shows is true: `python scripts/run_page.py PAGE`.

- A `python` block runs in the page's one namespace; with `>>>` prompts its output is compared, too.
- A block with `title="name"` is written to that file instead.
- In a `console` block the lines that begin with `$ ` are run, and what is shown below one is compared with what it
  prints. `...` stands for anything. `# exits with 4` at the end of a command expects that exit code; ` &` leaves it
  running until the page ends, once it has printed an address.
- `<!-- no-run: reason -->` on the line before a block leaves it out. Other languages are not run.

Everything happens in an empty folder. The default port 8300 is replaced by a free one.
"""

from __future__ import annotations

import doctest
import importlib
import linecache
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[\w+-]*)(?P<rest>[^`]*)$")
_TITLE = re.compile(r'title="([^"]+)"')
_NO_RUN = re.compile(r"<!--\s*no-run:\s*(\S.*?)\s*-->")
_EXITS = re.compile(r"\s+# exits with (\d+)$")
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_START_S = 30.0


class Block(NamedTuple):
    """One fenced block.

    Attributes:
        line: Line of its first line of text, counted from 1.
        title: File that it is the content of; empty when it is to be run.
        no_run: Why it isn't run; empty when it is.
    """

    line: int
    language: str
    text: str
    title: str
    no_run: str


class PageError(AssertionError):
    """A block doesn't do what its page says."""


def blocks(text: str) -> Iterator[Block]:
    """Go through the fenced blocks of a page in order."""
    before, opened, body = "", None, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        found = _FENCE.match(line)
        if opened is None and found:
            opened, start, body = found, number + 1, []
            reason = _NO_RUN.search(before)
        elif opened is not None and line.strip() == opened["ticks"]:
            title = _TITLE.search(opened["rest"])
            indent = len(opened["indent"])
            content = "\n".join(part[indent:] for part in body) + "\n"
            yield Block(start, opened["language"], content, title[1] if title else "", reason[1] if reason else "")
            opened = None
        elif opened is not None:
            body.append(line)
        if line.strip():
            before = line


class Commands(NamedTuple):
    """One command of a console block."""

    line: int
    command: str
    expected: str


def commands(block: Block) -> list[Commands]:
    """Split a console block into its commands and what each is shown to print."""
    found: list[tuple[int, list[str], list[str]]] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            found.append((number, [line[2:]], []))
        elif not found:
            raise PageError(f"line {number}: a console block must begin with '$ '")
        elif found[-1][1][-1].endswith("\\") and not found[-1][2]:
            found[-1][1].append(line.removeprefix("> "))
        else:
            found[-1][2].append(line)
    return [Commands(number, "\n".join(command), "\n".join(shown).strip()) for number, command, shown in found]


class Session:
    """What the blocks of one page share: a folder, a namespace, an environment and what was left running."""

    def __init__(self, page: Path, folder: Path, replaced: dict[str, str]) -> None:
        self.page = page
        self.folder = folder
        self.namespace: dict[str, Any] = {"__name__": "__page__"}
        port = str(_free_port())
        self.replaced = {"8300": port, **replaced}
        self.environment = _environment(folder, port)
        self.running: list[subprocess.Popen[str]] = []

    def run(self, block: Block) -> None:
        """Run one block, or write it to its file.

        Raises:
            PageError: It doesn't do what the page says.
        """
        for shown, real in self.replaced.items():
            block = block._replace(text=block.text.replace(shown, real))
        if block.title:
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif block.language == "python" and ">>>" in block.text:
            self._doctest(block)
        elif block.language == "python":
            self._execute(block)
        elif block.language == "console":
            for command in commands(block):
                self._command(command)

    def close(self) -> None:
        """End what was left running."""
        for process in self.running:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _execute(self, block: Block) -> None:
        # A real file, so that functions defined in it have a source that can be read and shipped.
        path = self.folder / f"{self.page.stem.replace('-', '_')}_{block.line}.py"
        path.write_text(block.text)
        linecache.checkcache(str(path))
        self.namespace["__file__"] = str(path)
        code = compile(block.text, str(path), "exec", dont_inherit=True)
        exec(code, self.namespace)

    def _doctest(self, block: Block) -> None:
        name = f"{self.page.name}:{block.line}"
        test = doctest.DocTestParser().get_doctest(block.text, self.namespace, name, str(self.page), block.line - 1)
        report: list[str] = []
        doctest.DocTestRunner(optionflags=_FLAGS).run(test, out=report.append, clear_globs=False)
        self.namespace.update(test.globs)
        if report:
            raise PageError("".join(report))

    def _command(self, command: Commands) -> None:
        text = _EXITS.sub("", command.command)
        if text.endswith(" &"):
            self._start(text.removesuffix(" &"))
            return
        expected_code = int(exits[1]) if (exits := _EXITS.search(command.command)) else 0
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=800,
            check=False,
        )
        where = f"{self.page.name}:{command.line}: $ {text}"
        # A command that a signal ended has the exit code that a shell would give it.
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        if code != expected_code:
            raise PageError(f"{where}\nexits with {code}, not {expected_code}, and prints:\n{done.stdout}")
        if command.expected and not _matches(command.expected, done.stdout):
            raise PageError(f"{where}\nis shown to print:\n{command.expected}\nand prints:\n{done.stdout}")

    def _start(self, text: str) -> None:
        log = self.folder / f".running-{len(self.running)}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {text}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.running.append(process)
        deadline = time.monotonic() + _START_S
        while "http://" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise PageError(f"{self.page.name}: $ {text} &\ndidn't print an address:\n{log.read_text()}")
            time.sleep(0.05)


def _matches(expected: str, printed: str) -> bool:
    return doctest.OutputChecker().check_output(expected + "\n", printed + "\n", _FLAGS)


def _environment(folder: Path, port: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLWRIGHT_", "FORCE_COLOR"))}
    bin_folder = str(Path(sys.executable).parent)
    return {
        **kept,
        "PATH": f"{bin_folder}{os.pathsep}{kept.get('PATH', '')}",
        "HOME": str(folder),
        "NO_COLOR": "1",
        "COLUMNS": "120",
        "MLWRIGHT_PORT": port,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_page(page: Path, folder: Path, replaced: dict[str, str] | None = None) -> int:
    """Run all blocks of a page in an empty folder; return how many were run.

    Args:
        page: The page.
        folder: Where its files are written and its commands run.
        replaced: Texts of the page and what stands for them here, for example the address of a database.

    Raises:
        PageError: A block doesn't do what the page says.
    """
    session, count = Session(page, folder, replaced or {}), 0
    try:
        with chdir(folder), _importable(folder):
            for block in blocks(page.read_text()):
                if not block.no_run:
                    session.run(block)
                    count += block.language in ("python", "console")
    finally:
        session.close()
    return count


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let a page import the files that it writes, and forget them afterwards: another page may use the same names."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


def main(pages: list[str]) -> int:
    """Run the named pages; return 1 when one of them isn't true."""
    failed = 0
    for name in pages:
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(f"{name}: {run_page(Path(name).resolve(), Path(folder))} blocks run")
            except PageError as error:
                failed = 1
                print(f"{name}: {error}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
