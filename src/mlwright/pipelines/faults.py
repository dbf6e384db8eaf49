"""What is kept of an exception of the user's code: enough to say what, where and why without the traceback."""

from __future__ import annotations

import linecache
import os
import sysconfig
import traceback
from types import TracebackType

import msgspec

from mlwright.errors import MlwrightError, StepFailed, StepTimeout, Transient

_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOST = "WorkerLost"
TIMEOUT = "StepTimeout"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an attempt failed.

    Attributes:
        type: Name of the exception's class.
        what: Its message.
        why: Where in the user's code, or the reason that an error of mlwright gives.
        fix: What to do, where that is known.
        kinds: Names of the class and its ancestors, for `Retry.on`.
        own: True when the user's code raised it, False when mlwright did.
        transient: True when another attempt may succeed.
    """

    type: str
    what: str
    why: str | None = None
    fix: str | None = None
    kinds: tuple[str, ...] = ()
    own: bool = False
    transient: bool = False

    def as_error(self, step: str) -> MlwrightError:
        """Return the failure of a step as an error that can be raised."""
        cls = StepTimeout if self.type == TIMEOUT else StepFailed
        message = self.what if not self.own else f"{self.type}: {self.what}".rstrip(": ")
        return cls(f"step '{step}' failed: {message}", why=self.why, fix=self.fix, step=step)


def describe_failure(error: BaseException, *, own: bool) -> Failure:
    """Return what is kept of an exception.

    Args:
        error: The exception.
        own: Whether the user's code was running.
    """
    cls = type(error)
    named = isinstance(error, MlwrightError)
    frame = user_frame(error) if own else None
    why = getattr(error, "why", None) if named else None
    return Failure(
        type=cls.__qualname__,
        what=error.what if isinstance(error, MlwrightError) else str(error),
        why="; ".join(part for part in (why, frame) if part) or None,
        fix=getattr(error, "fix", None) if named else None,
        kinds=tuple(kind.__qualname__ for kind in cls.__mro__[:-1]),
        own=own,
        transient=isinstance(error, Transient),
    )


def user_frame(error: BaseException) -> str | None:
    """Return the last place in the user's code that an exception passed, as `file:line, in function: code`."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{os.path.basename(error.filename)}:{error.lineno}: {(error.text or '').strip()}"
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    users = [(code, line) for code, line in frames if is_user_file(code.co_filename)] or frames
    if not users:
        return None
    code, line = users[-1]
    text = linecache.getline(code.co_filename, line).strip()
    place = f"{os.path.basename(code.co_filename)}:{line}, in {code.co_name}"
    return f"{place}: {text}" if text else place


def is_user_file(file: str) -> bool:
    """Tell whether a file is neither the standard library's, nor an installed package's, nor mlwright's."""
    if file.startswith("<"):
        return not file.startswith("<frozen")
    return not (file.startswith((_OWN, *_LIBRARIES)) or f"{os.sep}site-packages{os.sep}" in file)


def users_traceback(error: BaseException) -> str:
    """Return the traceback without the frames of mlwright that come before the user's code."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace or error.__traceback__))
