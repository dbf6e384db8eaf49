"""The boundary of the command line: words in, an exit code out, every error told in plain sentences."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlwright.errors import InvalidUsage, MlwrightError, did_you_mean

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError

INTERRUPTED = 130
#: Options that may stand before the command, too.
_SHARED = ("--json", "--server", "--home")


def main(words: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        words: What was typed after `mlwright`; the process's own arguments by default.

    Returns:
        The exit code: 0 ok, 1 failed, 2 usage, 3 plan has changes, 4 not found, 5 missing extra, 6 unsupported,
        7 permission, 8 gate refused, 9 conflict, 75 temporary, 130 interrupted.
    """
    given = list(sys.argv[1:] if words is None else words)
    debug = "--debug" in given
    if debug:
        given.remove("--debug")
    try:
        code = _dispatch(given)
        sys.stdout.flush()
    except MlwrightError as error:
        if debug:
            _print_traceback()
        _tell(error, as_json="--json" in given)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader had enough (`mlwright runs | head`): nothing failed, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001  # boundary: CLI; users get a sentence, --debug gives the traceback
        if debug:
            _print_traceback()
        _tell(_unexpected(error), as_json="--json" in given)
        return MlwrightError.exit_code
    return code


def application() -> App:
    """Return the application with every command, none of them loaded yet."""
    from cyclopts import App

    from mlwright import __version__
    from mlwright.cli.commands import COMMANDS, overview

    app = App(
        name="mlwright",
        help=overview(),
        version=__version__,
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        help_formatter="plain",
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
    )
    for command in COMMANDS:
        app.command(command.target, name=command.name, help=command.summary)
    return app


def _dispatch(words: list[str]) -> int:
    given = _options_last(words)
    first = given[0] if given else "--help"
    if first in ("--help", "-h", "help"):
        from mlwright.cli.commands import overview

        sys.stdout.write(overview())
        return 0
    if first == "--version":
        from mlwright import __version__

        sys.stdout.write(f"mlwright {__version__}\n")
        return 0
    if first == "exec":
        return _work(given[1:])
    _check_command(first)
    return _run(given)


def _options_last(given: list[str]) -> list[str]:
    """Move the shared options that stand before the command (`mlwright --home DIR runs`) behind it."""
    taken = 0
    while taken < len(given) and given[taken].partition("=")[0] in _SHARED:
        taken += 1 if "=" in given[taken] or given[taken] == "--json" else 2
    return [*given[taken:], *given[:taken]]


def _work(given: list[str]) -> int:
    """Do one step's task: what executors start in each worker, so it loads nothing of the command line."""
    from mlwright.pipelines import worker

    if not given:
        raise InvalidUsage("exec takes a task file.", why="it is what executors start, not people")
    return worker.main(given)


def _check_command(first: str) -> None:
    from mlwright.cli.commands import names

    if first.startswith("-") and first != "__complete":
        raise InvalidUsage(f"the option {first} stands without a command.", fix="mlwright --help lists the commands")
    known = names()
    if first not in known and first != "__complete":
        raise InvalidUsage(
            f"there is no command '{first}'.", why=did_you_mean(first, known) or None, fix="mlwright --help lists them"
        )


def _run(given: list[str]) -> int:
    from cyclopts import CycloptsError

    app = application()
    try:
        code = app(given)
    except CycloptsError as error:
        raise _usage(error, given) from error
    return code if isinstance(code, int) else 0


def _usage(error: CycloptsError, given: list[str]) -> InvalidUsage:
    """Turn a complaint of the parser into one of ours."""
    from cyclopts import UnusedCliTokensError

    command = " ".join(["mlwright", *(error.command_chain or given[:1])])
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        word = error.unused_tokens[0]
        known = [name for name in error.app or () if not name.startswith("-")]
        guess = did_you_mean(word, known) or None
        return InvalidUsage(f"'{command}' can't take '{word}'.", why=guess, fix=f"{command} --help")
    return InvalidUsage(f"'{command}' was not understood.", why=str(error), fix=f"{command} --help")


def _unexpected(error: Exception) -> MlwrightError:
    name = type(error).__name__
    return MlwrightError(
        "mlwright failed in a way it should not.",
        why=f"{name}: {error}" if str(error) else name,
        fix="run it again with --debug and report what it prints",
    )


def _tell(error: MlwrightError, *, as_json: bool) -> None:
    if as_json:
        import msgspec

        body = {"version": 1, "error": error.as_dict()}
        sys.stderr.write(msgspec.json.encode(body, enc_hook=str).decode() + "\n")
        return
    text = str(error)
    if _is_coloured(sys.stderr):
        text = f"\x1b[31m{error.what}\x1b[0m{text[len(error.what) :]}"
    sys.stderr.write(text + "\n")


def _is_coloured(stream: Any) -> bool:
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()
