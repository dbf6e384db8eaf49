"""The weight gate measures what it says."""

from __future__ import annotations

import sys

import pytest

from scripts import weight


def test_the_package_imports_within_its_limit() -> None:
    assert weight.loaded_modules("import mlwright") <= weight.MODULES


def test_a_heavy_import_is_counted() -> None:
    assert weight.loaded_modules("import sqlalchemy") > weight.MODULES


def test_cpu_time_is_that_of_the_command() -> None:
    busy = weight.cpu_ms([sys.executable, "-c", "import time\nwhile time.process_time() < 0.2: pass"])
    assert 200 <= busy < 400


def test_the_core_has_few_direct_dependencies_and_none_of_an_extra() -> None:
    names = {requirement.name for requirement in weight.direct_requirements("mlwright")}
    assert len(names) <= weight.DIRECT_DEPENDENCIES
    assert "numpy" not in names


def test_the_core_closure_holds_what_dependencies_bring_and_fits_its_limit() -> None:
    closure = weight.closure("mlwright")
    assert {"sqlalchemy", "mako", "pygments"} <= closure
    assert not {"numpy", "pandas", "pytest", "mlwright"} & closure
    assert 5 < weight.installed_mib(closure) <= weight.INSTALLED_MIB


@pytest.mark.parametrize(("value", "too_heavy"), [(150, False), (151, True)])
def test_a_limit_may_be_reached_and_not_passed(value: float, too_heavy: bool) -> None:
    assert weight.Weight("import", value, 150, "modules").is_too_heavy is too_heavy
