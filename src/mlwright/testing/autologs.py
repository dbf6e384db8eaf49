"""What every adapter that logs a library's trainings by themselves must do.

class TestMyLibrary(AutologContract):
    @pytest.fixture
    def training(self): ...        # a Training: the library's name, and what trains a small model with it
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from mlwright import project as projects
from mlwright.core import adapters
from mlwright.ledger import curves, runs, tracked
from mlwright.project import Project
from mlwright.testing import refuse_overrides
from mlwright.tracking.autologging import autolog, fits
from mlwright.tracking.run import Run
from mlwright.tracking.scripts import start_run


class Training(msgspec.Struct, frozen=True):
    """A training with the library under test.

    Attributes:
        name: The adapter's name.
        train: Trains a small model, the same one each time, and returns it.
        fail: Trains with what the library refuses by an exception.
        answer: Returns what a trained model answers, as something that can be compared.
        places: Class or module, and name, of each function that the adapter watches.
    """

    name: str
    train: Callable[[], Any]
    fail: Callable[[], Any]
    answer: Callable[[Any], Any]
    places: tuple[tuple[Any, str], ...]


class AutologContract:
    """Tests of an `Autologger`. They use the fixture `project`: an open project in a fresh folder."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_overrides(AutologContract, cls)

    @pytest.fixture
    def training(self) -> Training:
        """The training under test."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _logged(self, training: Training, project: Project) -> Iterator[None]:
        """Log the library's trainings to the project, until the test ends."""
        projects.use(project)
        autolog(training.name)
        yield
        autolog(training.name, off=True)

    def test_it_is_a_row_of_the_table(self, training: Training) -> None:
        """It is found by its name and says for which modules it waits."""
        found = adapters.load("autolog", training.name)
        assert found.name == training.name
        assert found.modules

    def test_a_training_is_a_run_of_its_own(self, training: Training, project: Project) -> None:
        """With its parameters and metrics, and it has ended."""
        training.train()
        (row,) = _runs(project)
        assert row.status == "succeeded"
        with project.ledger.read() as connection:
            assert tracked.tags_of(connection, row.id)["autolog"] == training.name
            assert "training/fit_s" in curves.last_metrics(connection, row.id)
            assert tracked.params_of(connection, row.id)

    def test_a_training_inside_a_run_is_logged_to_it(self, training: Training, project: Project) -> None:
        """And the second one there doesn't take the place of the first."""
        with start_run("mine") as run:
            training.train()
            training.train()
        (row,) = _runs(project)
        assert (row.id, row.name) == (run.id, "mine")
        with project.ledger.read() as connection:
            assert {"training/fit_s", "fit_2/training/fit_s"} <= set(curves.last_metrics(connection, run.id))

    def test_the_model_is_the_same_as_without(self, training: Training) -> None:
        """Watching changes nothing."""
        watched = training.answer(training.train())
        autolog(training.name, off=True)
        assert training.answer(training.train()) == watched

    def test_off_puts_the_originals_back(self, training: Training, project: Project) -> None:
        """The very same functions, however often it was switched on."""
        watched = _own(training)
        autolog(training.name)
        autolog(training.name)
        autolog(training.name, off=True)
        originals = _own(training)
        assert all(found is not original for found, original in zip(watched, originals, strict=True))
        autolog(training.name)
        autolog(training.name, off=True)
        assert all(found is original for found, original in zip(_own(training), originals, strict=True))
        training.train()
        assert _runs(project) == []

    def test_signatures_stay(self, training: Training) -> None:
        """Libraries and people look at them."""
        watched = [inspect.signature(getattr(owner, name)) for owner, name in training.places]
        autolog(training.name, off=True)
        assert [inspect.signature(getattr(owner, name)) for owner, name in training.places] == watched

    def test_an_error_in_logging_never_breaks_a_training(
        self, training: Training, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is said once for each place."""

        def broken(*_: Any, **__: Any) -> None:
            raise RuntimeError("the disk is full")

        monkeypatch.setattr(fits, "_told", set())
        for name in ("log_params", "log_metrics", "log_artifact", "log_dataset"):
            monkeypatch.setattr(Run, name, broken)
        first = training.answer(training.train())
        said = [record.getMessage() for record in caplog.records if "autolog" in record.getMessage()]
        assert said
        assert len(said) == len(set(said))
        assert training.answer(training.train()) == first
        assert len([record for record in caplog.records if "autolog" in record.getMessage()]) == len(said)

    def test_a_training_that_fails_is_a_run_that_failed(self, training: Training, project: Project) -> None:
        """And the exception is the library's own."""
        with pytest.raises(Exception) as watched:
            training.fail()
        (row,) = _runs(project)
        assert row.status == "failed"
        autolog(training.name, off=True)
        with pytest.raises(Exception) as plain:
            training.fail()
        assert type(watched.value) is type(plain.value)

    def test_trainings_of_several_threads_are_runs_of_their_own(self, training: Training, project: Project) -> None:
        """At the same time."""
        together = threading.Barrier(3)

        def train() -> None:
            together.wait()
            training.train()

        with ThreadPoolExecutor(3) as pool:
            for done in [pool.submit(train) for _ in range(3)]:
                done.result()
        rows = _runs(project)
        assert [row.status for row in rows] == ["succeeded"] * 3
        assert [row.parent_id for row in rows] == [None] * 3


def _own(training: Training) -> list[Any]:
    return [vars(owner).get(name) for owner, name in training.places]


def _runs(project: Project) -> list[runs.RunRow]:
    with project.ledger.read() as connection:
        return list(runs.list_runs(connection))
