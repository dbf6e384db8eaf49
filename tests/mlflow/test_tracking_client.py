"""MLflow's own, unmodified client against a real server: what a tutorial does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Script = Callable[[str], str]


@pytest.mark.parametrize("name", ["tutorial", "errors", "operators", "autologging", "twenty"])
def test_the_unmodified_client_does_all_that_the_script_does(script: Script, name: str) -> None:
    assert script(name).splitlines()[-1] == "done"
