"""`mlwright run`: run a pipeline, or go on with one that was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.cli.context import NONE, Options, local_only, open_project
from mlwright.cli.output import print_fields, print_json, say
from mlwright.cli.progress import Progress
from mlwright.core.ids import short
from mlwright.errors import InvalidUsage

if TYPE_CHECKING:
    from mlwright.pipelines import RunResult


def run(
    target: str | None = None,
    /,
    *,
    resume: str | None = None,
    experiment: str = "default",
    options: Options = NONE,
    **params: str,
) -> int:
    """Run a pipeline, or go on with one that was interrupted.

    Args:
        target: The pipeline, as FILE.py:NAME or package.module:NAME.
        resume: Go on with this run instead: its id, the end of it, or @latest.
        experiment: What to file the run under.
        params: The pipeline's parameters, as --name value.
    """
    local_only(options, "run")
    if (target is None) == (resume is None):
        raise InvalidUsage(
            "give either a pipeline or --resume.", fix="mlwright run FILE.py:PIPELINE, or mlwright run --resume @latest"
        )
    result = _resume(options, resume) if resume else _start(options, str(target), params, experiment)
    _print_result(result, options)
    return 0


def _start(options: Options, target: str, params: dict[str, str], experiment: str) -> RunResult:
    from mlwright import pipelines

    # What is wrong with the target shows before a ledger is made for it.
    pipeline = pipelines.load_target(target)
    arguments = {name.replace("-", "_"): _read(text) for name, text in params.items()}
    with open_project(options, create=True) as project, Progress() as progress:
        return pipelines.run(project, pipeline, arguments, experiment=experiment, on_progress=progress)


def _resume(options: Options, text: str) -> RunResult:
    from mlwright import pipelines
    from mlwright.ledger import runs

    with open_project(options, create=False) as project, Progress() as progress:
        with project.ledger.read() as connection:
            run_id = runs.find_run(connection, text).id
        return pipelines.resume(project, run_id, on_progress=progress)


def _read(text: str) -> Any:
    """Read a parameter as JSON where it is JSON (0.1, true, [1, 2]), else as text; the pipeline checks its type."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _print_result(result: RunResult, options: Options) -> None:
    if options.json:
        print_json(item={"run_id": result.run_id, "status": result.status, "result": _plain(result.result)})
        return
    print_fields([("run", short(result.run_id)), ("status", result.status), ("result", _line(result.result))])
    say(f"see mlwright runs show {short(result.run_id)}")


def _plain(value: Any) -> Any:
    try:
        return msgspec.to_builtins(value)
    except (TypeError, msgspec.MsgspecError):
        return repr(value)


def _line(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else text[:199] + "…"
