"""MLflow's own, unmodified client against a real server: what a tutorial does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mlflow_api import ON_BOTH

Script = Callable[[str], str]


@ON_BOTH
@pytest.mark.parametrize("name", ["tutorial", "operators", "twenty"])
def test_the_unmodified_client_finds_what_it_knows(script: Script, name: str) -> None:
    assert script(name).splitlines()[-1] == "done"


@pytest.mark.parametrize("name", ["errors", "autologging"])
def test_the_unmodified_client_does_all_that_the_script_does(script: Script, name: str) -> None:
    assert script(name).splitlines()[-1] == "done"
