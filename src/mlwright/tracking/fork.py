"""Beginning a run where another one was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlwright.tracking.scripts import ScriptRun, start_run

if TYPE_CHECKING:
    from mlwright.project import Project


def fork_run(run: str, *, at_step: int | None = None, name: str = "", project: Project | None = None) -> ScriptRun:
    """Begin a run with the params, tags and points that another one had at a step, and go on from there.

    The other run stays as it is. The new one says where it is from: `forked_from` and `forked_step`.

    Args:
        run: Id of the other run, a part of it, or `@latest`.
        at_step: The last step whose points the new run has; all by default.
        name: What people call the new run; the other one's name and `-fork` by default.
        project: Where both are recorded; by default the server of `MLWRIGHT_SERVER`, else the process's project.

    Raises:
        NotFound: There is no such run.

    Example:
        >>> with fork_run("01k5qj3v", at_step=100) as run:  # doctest: +SKIP
        ...     run.log_metrics({"auc": 0.75}, step=101)
    """
    from mlwright.tracking.destinations import destination

    where = destination(project)
    return start_run(resume=where.fork(run, at_step=at_step, name=name), project=project)
