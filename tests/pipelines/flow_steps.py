"""Steps and pipelines that the tests of the engine run; workers import this file."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from mlwright import current_run, log_artifact, log_metrics, log_params, pipeline, set_tags, step
from mlwright.errors import LedgerUnavailable
from mlwright.pipelines import Retry
from mlwright.tracking import current_project


@step
def numbers(count: int) -> list[int]:
    return list(range(count))


@step
def total(rows: list[int], scale: float = 1.0) -> float:
    return scale * sum(rows)


@pipeline
def sums(count: int = 4, scale: float = 2.0) -> Any:
    return total(numbers(count), scale)


@step
def note(folder: str, name: str, wait_s: float = 0.0) -> str:
    """Leave a mark for each time that this was called."""
    with (Path(folder) / name).open("a") as file:
        file.write("x")
    time.sleep(wait_s)
    return name


@step(cache=False)
def flaky(folder: str, failures: int) -> int:
    """Fail some times, then give the number of the attempt."""
    path = Path(folder) / "attempts"
    with path.open("a") as file:
        file.write("x")
    attempt = path.stat().st_size
    log_metrics(attempt=attempt, step=0)
    if attempt <= failures:
        raise ConnectionError(f"attempt {attempt}")
    return attempt


@pipeline
def retried(folder: str, failures: int = 2) -> Any:
    return flaky.options(retries=Retry(attempts=3, backoff_s=0.01))(folder, failures)


@pipeline
def retried_on_value_errors(folder: str) -> Any:
    return flaky.options(retries=Retry(attempts=3, backoff_s=0.01, on=(ValueError,)))(folder, 1)


@pipeline
def retried_on_os_errors(folder: str) -> Any:
    return flaky.options(retries=Retry(attempts=3, backoff_s=0.01, on=(OSError,)))(folder, 1)


@step(retries=Retry(attempts=2, backoff_s=0.01, on=(KeyError,)))
def locked_once(folder: str) -> int:
    path = Path(folder) / "locked"
    if not path.exists():
        path.touch()
        raise LedgerUnavailable("locked.")
    return 1


@pipeline
def passing(folder: str) -> Any:
    return locked_once(folder)


@step
def divide(by: int) -> float:
    print("dividing by", by)
    log_metrics(before=1.0)
    return 1 / by


@pipeline
def failing(folder: str, by: int = 0) -> Any:
    first = note(folder, "first")
    broken = divide.options(after=first)(by)
    return note.options(after=broken, key="last")(folder, "last")


@step(timeout_s=3)
def slow(wait_s: float) -> float:
    time.sleep(wait_s)
    return wait_s


@step(timeout_s=240)
def quick(wait_s: float) -> float:
    return wait_s


@pipeline
def too_slow(wait_s: float = 600.0) -> Any:
    return slow(wait_s)


@pipeline
def quick_enough(wait_s: float = 0.01) -> Any:
    return quick(wait_s)


@step
def tracked(value: float) -> float:
    run = current_run()
    assert run is not None
    for place in range(3):
        log_metrics(loss=value / (place + 1))
    log_params(value=value, nested={"a": [1, 2]})
    set_tags(step=run.step)
    log_artifact("report", {"value": value})
    return value


@pipeline
def tracking_flow(value: float = 1.5) -> Any:
    return tracked(value)


@step
def stamped() -> str:
    project = current_project()
    with project.ledger.write("user:test") as tx:
        tx.emit("model.created", "model/x")
    return project.clock.now().isoformat()


@pipeline
def stamping() -> Any:
    return stamped()


@pipeline
def line(folder: str, wait_s: float = 0.0) -> Any:
    """Six steps, two of them beside each other."""
    first = note.options(key="s0")(folder, "s0", wait_s)
    left = note.options(key="s1", after=first)(folder, "s1", wait_s)
    right = note.options(key="s2", after=first)(folder, "s2", wait_s)
    joined = note.options(key="s3", after=[left, right])(folder, "s3", wait_s)
    fourth = note.options(key="s4", after=joined)(folder, "s4", wait_s)
    return note.options(key="s5", after=fourth)(folder, "s5", wait_s)


@step
def wrongly_typed() -> int:
    return "text"  # type: ignore[return-value]


@pipeline
def mistyped() -> Any:
    return wrongly_typed()


@step
def environment(name: str) -> str | None:
    return os.environ.get(name)


@pipeline
def with_variables() -> Any:
    return environment.options(env={"COLOUR": "blue"})("COLOUR"), environment("COLOUR")


@step
def pair() -> tuple[int, str]:
    return 1, "a"


@pipeline
def several(count: int = 2) -> Any:
    number, word = pair()
    return {"number": number, "word": word, "count": count, "list": [number, 5]}


@step
def increment(x: int) -> int:
    return x + 1


@pipeline
def chain() -> Any:
    x = increment(0)
    for _ in range(999):
        x = increment(x)
    return x
