from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.core.settings import HOME_NAME, NAMES, PROJECT_FILE, redact, resolve
from mlwright.errors import InvalidUsage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / PROJECT_FILE).write_text("")
    return tmp_path


def test_an_argument_wins_over_the_environment_over_the_file_over_the_default(folder: Path) -> None:
    variable = {"MLWRIGHT_PORT": "2"}
    assert resolve(folder, environ={}).port == 8300
    assert resolve(folder, environ={}).sources["port"] == "default"
    (folder / PROJECT_FILE).write_text("port = 3")
    assert resolve(folder, environ={}).port == 3
    assert resolve(folder, environ={}).sources["port"] == str(folder / PROJECT_FILE)
    assert resolve(folder, environ=variable).port == 2
    assert resolve(folder, environ=variable).sources["port"] == "environment MLWRIGHT_PORT"
    assert resolve(folder, environ=variable, port=1).port == 1
    assert resolve(folder, environ=variable, port=1).sources["port"] == "argument"


def test_an_argument_of_none_and_an_empty_variable_count_as_not_given(folder: Path) -> None:
    settings = resolve(folder, environ={"MLWRIGHT_EXECUTOR": ""}, executor=None)
    assert (settings.executor, settings.sources["executor"]) == ("process", "default")


def test_every_setting_has_a_source(folder: Path) -> None:
    assert set(resolve(folder, environ={}).sources) == set(NAMES)


def test_all_places_follow_the_home(folder: Path) -> None:
    settings = resolve(folder, environ={})
    assert settings.home == folder / HOME_NAME
    assert settings.ledger == f"sqlite:///{folder / HOME_NAME / 'ledger.db'}"
    assert settings.artifacts == str(folder / HOME_NAME / "artifacts")
    moved = resolve(folder, environ={"MLWRIGHT_HOME": "elsewhere"})
    assert moved.home == folder / "elsewhere"
    assert moved.ledger == f"sqlite:///{folder / 'elsewhere' / 'ledger.db'}"


def test_the_project_is_found_from_a_folder_inside_it(folder: Path) -> None:
    (folder / "src" / "deep").mkdir(parents=True)
    assert resolve(folder / "src" / "deep", environ={}).root == folder


def test_a_folder_with_a_home_is_a_project_without_a_file(folder: Path) -> None:
    (folder / "inner" / HOME_NAME).mkdir(parents=True)
    (folder / "inner" / "deep").mkdir()
    assert resolve(folder / "inner" / "deep", environ={}).root == folder / "inner"


def test_a_misspelt_setting_in_the_file_gets_a_hint(folder: Path) -> None:
    (folder / PROJECT_FILE).write_text("exekutor = 'inline'")
    with pytest.raises(InvalidUsage, match="exekutor") as caught:
        resolve(folder, environ={})
    assert caught.value.fix == "did you mean 'executor'?"


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe", b"[a\n"])
def test_a_file_that_cannot_be_read_is_named(folder: Path, content: bytes) -> None:
    (folder / PROJECT_FILE).write_bytes(content)
    with pytest.raises(InvalidUsage, match=PROJECT_FILE):
        resolve(folder, environ={})


def test_a_value_that_cannot_be_is_named_with_its_source(folder: Path) -> None:
    with pytest.raises(InvalidUsage, match="durability") as caught:
        resolve(folder, environ={"MLWRIGHT_DURABILITY": "none"})
    assert caught.value.why == "it comes from environment MLWRIGHT_DURABILITY"
    with pytest.raises(InvalidUsage, match="which is no number"):
        resolve(folder, environ={"MLWRIGHT_PORT": "many"})


@given(
    user=st.text("abcxyz", min_size=1),
    password=st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1).filter(
        lambda text: "/" not in text
    ),
)
def test_a_password_is_never_shown(user: str, password: str) -> None:
    shown = redact(f"postgresql://{user}:{password}@host/db")
    assert shown == f"postgresql://{user}:***@host/db"


@pytest.mark.parametrize(
    "url", ["sqlite:////tmp/ledger.db", "postgresql://host/db", "postgresql://ada@host/db", "plain"]
)
def test_a_url_without_a_password_is_shown_as_it_is(url: str) -> None:
    assert redact(url) == url
