"""What every flavour adapter must do.

class TestMyLibrary(FlavourContract):
    @pytest.fixture
    def flavour(self): ...         # the adapter
    @pytest.fixture
    def fitted(self): ...          # a Fitted: a model of its library, a matrix, and what the library itself answers
"""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlwright.core import adapters
from mlwright.registry.port import Flavour
from mlwright.testing import refuse_overrides


class Fitted:
    """A model, rows for it, and the answer that its own library gives to them.

    Args:
        model: The model.
        matrix: Shape [rows, columns], float64.
        answer: Shape [rows].
        output: `probability` or `value`.
    """

    def __init__(self, model: Any, matrix: np.ndarray, answer: np.ndarray, output: str) -> None:
        self.model = model
        self.matrix = matrix
        self.answer = answer
        self.output = output


class FlavourContract:
    """Tests of a `Flavour`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_overrides(FlavourContract, cls)

    @pytest.fixture
    def flavour(self) -> Flavour:
        """The adapter under test."""
        raise NotImplementedError

    @pytest.fixture
    def fitted(self) -> Fitted:
        """A model of its library."""
        raise NotImplementedError

    def test_it_is_a_row_of_the_table(self, flavour: Flavour) -> None:
        """It is found by its name."""
        assert adapters.load("flavour", flavour.name) is type(flavour)

    def test_it_knows_its_own_models_and_no_others(self, flavour: Flavour, fitted: Fitted) -> None:
        """A model is of one library."""
        assert flavour.accepts(fitted.model)
        for other in (object(), {"predict": 1}, "module:function", print, np.zeros(3)):
            assert not flavour.accepts(other)

    def test_a_model_answers_as_its_library_does(self, flavour: Flavour, fitted: Fitted) -> None:
        """Before it is stored."""
        answered = flavour.answerer(fitted.model, flavour.output(fitted.model))(fitted.matrix)
        np.testing.assert_allclose(np.asarray(answered, dtype=np.float64), fitted.answer, rtol=1e-5, atol=1e-6)

    def test_a_stored_model_answers_the_same(self, flavour: Flavour, fitted: Fitted, tmp_path: Path) -> None:
        """And after."""
        output = flavour.output(fitted.model)
        flavour.save(fitted.model, tmp_path / "model")
        loaded = flavour.load(tmp_path / "model")
        answered = flavour.answerer(loaded, output)(fitted.matrix)
        np.testing.assert_allclose(np.asarray(answered, dtype=np.float64), fitted.answer, rtol=1e-5, atol=1e-6)

    def test_equal_models_are_equal_files(self, flavour: Flavour, fitted: Fitted, tmp_path: Path) -> None:
        """So that their digest is the same."""
        for name in ("one", "two"):
            flavour.save(fitted.model, tmp_path / name)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()

    def test_what_it_takes_and_gives_is_known(self, flavour: Flavour, fitted: Fitted) -> None:
        """Its columns in their order, and whether it gives a probability."""
        assert len(flavour.inputs(fitted.model)) == fitted.matrix.shape[1]
        assert flavour.output(fitted.model) == fitted.output

    def test_a_file_that_is_safe_holds_no_pickle(self, flavour: Flavour, fitted: Fitted, tmp_path: Path) -> None:
        """Loading it must not run code."""
        flavour.save(fitted.model, tmp_path / "model")
        if not flavour.unsafe:
            with pytest.raises(Exception):  # noqa: B017
                pickle.loads((tmp_path / "model").read_bytes())  # noqa: S301

    def test_several_threads_may_ask_at_once(self, flavour: Flavour, fitted: Fitted, tmp_path: Path) -> None:
        """Requests are answered in a few threads."""
        flavour.save(fitted.model, tmp_path / "model")
        answerer = flavour.answerer(flavour.load(tmp_path / "model"), flavour.output(fitted.model))
        with ThreadPoolExecutor(4) as pool:
            for answered in pool.map(lambda _: answerer(fitted.matrix), range(20)):
                np.testing.assert_allclose(np.asarray(answered, dtype=np.float64), fitted.answer, rtol=1e-5, atol=1e-6)
