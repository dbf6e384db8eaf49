from __future__ import annotations

import subprocess
import sys

import pytest

from mlwright.adapters.store.local import LocalStore
from mlwright.core import adapters
from mlwright.core.adapters import Spec
from mlwright.errors import MissingExtra, NotFound


@pytest.fixture
def with_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (
        Spec(port="store", name="absent", target="no_such_package.thing:X", summary="s", extra="cloud"),
        Spec(port="store", name="partial", target="json:loads", summary="s", packages=("json", "no_such_package")),
    )
    monkeypatch.setattr(adapters, "specs", lambda: rows)


def test_an_adapter_is_loaded_by_port_and_name() -> None:
    assert adapters.load("store", "local") is LocalStore


def test_a_misspelt_adapter_gets_a_hint() -> None:
    with pytest.raises(NotFound, match="lokal") as caught:
        adapters.load("store", "lokal")
    assert caught.value.fix == "did you mean 'local'?"


@pytest.mark.usefixtures("with_rows")
def test_an_adapter_without_its_package_names_the_extra() -> None:
    with pytest.raises(MissingExtra, match="no_such_package") as caught:
        adapters.load("store", "absent")
    assert caught.value.fix == "pip install 'mlwright[cloud]'"


def test_a_fault_of_mlwright_itself_is_not_taken_for_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Spec(port="store", name="broken", target="mlwright.adapters.no_such_module:X", summary="s")
    monkeypatch.setattr(adapters, "specs", lambda: (row,))
    with pytest.raises(ModuleNotFoundError, match="no_such_module") as caught:
        adapters.load("store", "broken")
    assert not isinstance(caught.value, MissingExtra)


@pytest.mark.usefixtures("with_rows")
def test_missing_packages_are_told_without_importing_any() -> None:
    assert adapters.missing_packages(adapters.find("store", "partial")) == ["no_such_package"]


def test_every_row_names_a_class_that_is_there() -> None:
    for spec in adapters.specs():
        assert adapters.load(spec.port, spec.name).__name__ == spec.target.partition(":")[2]
        assert spec.summary.endswith(".")


def test_listing_adapters_imports_none_of_them() -> None:
    program = "import sys; from mlwright.core.adapters import specs; specs(); \
print([name for name in sys.modules if name.startswith('mlwright.adapters.') and name != 'mlwright.adapters.table'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
