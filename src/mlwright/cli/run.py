"""`mlwright run`: run a pipeline, or go on with one that was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.cli.context import NONE, Options, local_only, open_project
from mlwright.cli.output import print_fields, print_json, say
from mlwright.cli.progress import RunProgress
from mlwright.core.ids import short
from mlwright.errors import InvalidUsage

if TYPE_CHECKING:
    from mlwright.pipelines import RunResult


def run(
    target: str | None = None,
    /,
    *,
    resume: str | None = None,
    experiment: str | None = None,
    options: Options = NONE,
    **params: str,
) -> None:
    """Run a pipeline, or go on with one that was interrupted.

    Args:
        target: The pipeline, as FILE.py:NAME or package.module:NAME.
        resume: Go on with this run instead: its id, the end of it, or @latest.
        experiment: What to file the run under; the pipeline's name by default.
        params: The pipeline's parameters, as --name value.
    """
    local_only(options, "run")
    if (target is None) == (resume is None):
        raise InvalidUsage(
            "give either a pipeline or --resume.", fix="mlwright run FILE.py:PIPELINE, or mlwright run --resume @latest"
        )
    if resume is not None:
        _resume(resume, options)
    else:
        _start(str(target), params, experiment, options)


def _start(target: str, params: dict[str, str], experiment: str | None, options: Options) -> None:
    from mlwright import pipelines

    # What is wrong with target or parameters shows before a ledger is made for them.
    pipeline = pipelines.load_target(target)
    texts = {name.replace("-", "_"): text for name, text in params.items()}
    arguments = pipelines.bind(pipeline, texts, from_text=True)
    with open_project(options, create=True) as project:
        with RunProgress() as progress:
            result = pipelines.run(project, pipeline, arguments, experiment=experiment, on_progress=progress)
        _print_result(result, options)


def _resume(run: str, options: Options) -> None:
    from mlwright import pipelines

    with open_project(options, create=False) as project:
        with RunProgress() as progress:
            result = pipelines.resume(project, run, on_progress=progress)
        _print_result(result, options)


def _print_result(result: RunResult, options: Options) -> None:
    """Print what a run gave; one that didn't succeed is raised as the error that it ended with."""
    result.raise_for_status()
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
