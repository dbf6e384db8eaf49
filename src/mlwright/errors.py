"""Every error that mlwright raises on purpose.

Each class is a family: it has a `code` for machines, an exit code for scripts and an HTTP status for the server,
and it also inherits the builtin exception it refines, so `except LookupError` catches a `NotFound`.

    MlwrightError                      error               exit 1    http 500
    ├── Permanent                      (trying again will not help)
    │   ├── InvalidUsage               usage               exit 2    http 400   ValueError
    │   ├── InvalidDefinition          invalid-definition  exit 2    http 400   ValueError
    │   │   └── TypeMismatch           type-mismatch       exit 2    http 400   TypeError
    │   ├── InvalidInput               invalid-input       exit 2    http 400   ValueError
    │   ├── NotFound                   not-found           exit 4    http 404   LookupError
    │   ├── MissingExtra               missing-extra       exit 5    http 501   ImportError
    │   ├── Unsupported                unsupported         exit 6    http 501   NotImplementedError
    │   ├── PermissionDenied           permission-denied   exit 7    http 403   PermissionError
    │   ├── GateRefused                gate-refused        exit 8    http 422
    │   ├── Conflict                   conflict            exit 9    http 409
    │   │   ├── AlreadyExists          already-exists      exit 9    http 409
    │   │   ├── AlreadyRunning         already-running     exit 9    http 409
    │   │   ├── LostLease              lost-lease          exit 9    http 409
    │   │   ├── PlanOutdated           plan-outdated       exit 9    http 409
    │   │   ├── SchemaTooNew           schema-too-new      exit 9    http 409
    │   │   └── PortInUse              port-in-use         exit 9    http 409   OSError
    │   ├── IntegrityError             integrity           exit 1    http 500
    │   ├── ModelFailed                model-failed        exit 1    http 500
    │   ├── StepFailed                 step-failed         exit 1    http 500
    │   └── RunFailed                  run-failed          exit 1    http 500
    └── Transient                      (trying again may help)
        ├── LedgerUnavailable          ledger-unavailable  exit 75   http 503
        ├── StoreUnavailable           store-unavailable   exit 75   http 503
        │   └── StorageFull            storage-full        exit 75   http 507   OSError
        ├── StepTimeout                step-timeout        exit 75   http 504   TimeoutError
        ├── ServerUnavailable          server-unavailable  exit 75   http 503   ConnectionError
        └── Overloaded                 overloaded          exit 75   http 429

An interrupt by the user (Ctrl-C) stays a `KeyboardInterrupt`; the command line turns it into exit code 130.
"""

from __future__ import annotations

from typing import Any, ClassVar


class MlwrightError(Exception):
    """An error that says what happened, why, and how to mend it.

    Args:
        what: One sentence naming the thing that failed.
        why: The cause, with the facts that show it.
        fix: What to do next; a command where there is one.
        context: Further facts for machines; must survive `pickle` and JSON. Never a secret.

    Example:
        >>> error = NotFound("model 'churn' does not exist.", why="known models: flight-delay", fix="mlwright models")
        >>> error.code, error.exit_code, isinstance(error, LookupError)
        ('not-found', 4, True)
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, what: str, *, why: str | None = None, fix: str | None = None, **context: Any) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        self.context = context

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.what, self.why, self.fix, self.context)

    def as_dict(self) -> dict[str, Any]:
        """Return the error as plain data: the body of an HTTP error and of `--json` output."""
        return {"code": self.code, "what": self.what, "why": self.why, "fix": self.fix, "context": self.context}


def _revive(cls: type[MlwrightError], what: str, why: str | None, fix: str | None, context: dict[str, Any]) -> Any:
    return cls(what, why=why, fix=fix, **context)


class Permanent(MlwrightError):
    """Trying the same thing again will fail again."""


class Transient(MlwrightError):
    """Trying the same thing again later may succeed."""

    code = "transient"
    exit_code = 75
    http_status = 503


class InvalidUsage(Permanent, ValueError):
    """A command or a call was given arguments it can't take."""

    code = "usage"
    exit_code = 2
    http_status = 400


class InvalidDefinition(Permanent, ValueError):
    """A pipeline, step, system or other declaration is wrong before anything has run."""

    code = "invalid-definition"
    exit_code = 2
    http_status = 400


class TypeMismatch(InvalidDefinition, TypeError):
    """A value or an edge of a pipeline has another type than the receiving end declares."""

    code = "type-mismatch"


class InvalidInput(Permanent, ValueError):
    """Data from outside (a request, a row, a file) doesn't match its signature or schema."""

    code = "invalid-input"
    exit_code = 2
    http_status = 400


class NotFound(Permanent, LookupError):
    """A named thing doesn't exist."""

    code = "not-found"
    exit_code = 4
    http_status = 404


class MissingExtra(Permanent, ImportError):
    """An optional dependency is needed and not installed."""

    code = "missing-extra"
    exit_code = 5
    http_status = 501


class Unsupported(Permanent, NotImplementedError):
    """The chosen target can't do this; `why` is the adapter's declared reason."""

    code = "unsupported"
    exit_code = 6
    http_status = 501


class PermissionDenied(Permanent, PermissionError):
    """The actor, or the operating system, doesn't allow this."""

    code = "permission-denied"
    exit_code = 7
    http_status = 403


class GateRefused(Permanent):
    """A gate or policy said no; `context["gates"]` lists each verdict with its numbers."""

    code = "gate-refused"
    exit_code = 8
    http_status = 422


class Conflict(Permanent):
    """The world isn't in the state that this change needs."""

    code = "conflict"
    exit_code = 9
    http_status = 409


class AlreadyExists(Conflict):
    """A thing of this name is there already and differs."""

    code = "already-exists"


class AlreadyRunning(Conflict):
    """Another process holds what only one may hold."""

    code = "already-running"


class LostLease(Conflict):
    """This worker's fencing token is older than the current one: its late commit is refused."""

    code = "lost-lease"


class PlanOutdated(Conflict):
    """The world moved since the plan was made."""

    code = "plan-outdated"


class SchemaTooNew(Conflict):
    """The ledger was written by a newer mlwright than this one."""

    code = "schema-too-new"


class PortInUse(Conflict, OSError):
    """The network port is taken."""

    code = "port-in-use"


class IntegrityError(Permanent):
    """Stored bytes no longer match the digest that names them."""

    code = "integrity"


class ModelFailed(Permanent):
    """The version that answers for a deployment raised, or gave no finite number."""

    code = "model-failed"


class StepFailed(Permanent):
    """A step's own code raised."""

    code = "step-failed"


class RunFailed(Permanent):
    """A run ended without success; `context["steps"]` lists the failed steps."""

    code = "run-failed"


class LedgerUnavailable(Transient):
    """The ledger's database is locked, stopped or out of reach."""

    code = "ledger-unavailable"


class StoreUnavailable(Transient):
    """The artifact store is out of reach."""

    code = "store-unavailable"


class StorageFull(StoreUnavailable, OSError):
    """There is no room left on the device; nothing half-written was kept."""

    code = "storage-full"
    http_status = 507


class StepTimeout(Transient, TimeoutError):
    """A step took longer than its declared timeout and was stopped."""

    code = "step-timeout"
    http_status = 504


class ServerUnavailable(Transient, ConnectionError):
    """The mlwright server doesn't answer."""

    code = "server-unavailable"


class Overloaded(Transient):
    """The server sheds load; `context["retry_after_s"]` says when to come back."""

    code = "overloaded"
    http_status = 429


def missing_extra(package: str, extra: str, *, needed_for: str) -> MissingExtra:
    """Return the error for an optional dependency that is not installed."""
    return MissingExtra(
        f"{needed_for} needs the package '{package}', which is not installed.",
        fix=f"pip install 'mlwright[{extra}]'",
        package=package,
        extra=extra,
    )


def did_you_mean(name: str, known: list[str]) -> str:
    """Return "did you mean 'x'?" for a near miss, else the known names, else an empty string.

    Example:
        >>> did_you_mean("flihgt", ["flight", "churn"])
        "did you mean 'flight'?"
    """
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(sorted(known)[:10])}" if known else ""
