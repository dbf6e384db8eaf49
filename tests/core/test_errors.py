from __future__ import annotations

import json
import pickle
from collections.abc import Iterator

import pytest

from mlwright import errors
from mlwright.errors import MlwrightError, NotFound, Permanent, Transient, did_you_mean, missing_extra


def tree(family: type[MlwrightError] = MlwrightError) -> Iterator[type[MlwrightError]]:
    yield family
    for child in family.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


FAMILIES = list(tree())
DOCUMENTED_EXITS = {1, 2, 4, 5, 6, 7, 8, 9, 75}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_an_error_survives_pickling_with_all_it_says(family: type[MlwrightError]) -> None:
    error = family("it failed.", why="because", fix="mend it", number=1, names=["a"])
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is family
    assert str(again) == str(error) == "it failed.\n  why: because\n  fix: mend it"
    assert again.as_dict() == error.as_dict()
    assert json.loads(json.dumps(error.as_dict()))["context"] == {"number": 1, "names": ["a"]}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_family_is_drawn_in_the_module_with_its_own_codes(family: type[MlwrightError]) -> None:
    lines = [
        line for line in (errors.__doc__ or "").splitlines() if f" {family.__name__} " in f" {line.strip('│├─└ ')} "
    ]
    assert lines, f"{family.__name__} is missing from the drawing"
    if family not in (Permanent, Transient):
        assert family.code in lines[0]
        assert f"exit {family.exit_code} " in lines[0]
        assert f"http {family.http_status}" in lines[0]
    assert family.exit_code in DOCUMENTED_EXITS
    assert 400 <= family.http_status < 600


def test_no_two_families_share_a_code() -> None:
    codes = [family.code for family in FAMILIES if family not in (Permanent, Transient)]
    assert len(set(codes)) == len(codes)


def test_every_family_is_either_permanent_or_transient() -> None:
    for family in FAMILIES:
        if family not in (MlwrightError, Permanent, Transient):
            assert issubclass(family, Permanent) != issubclass(family, Transient)


def test_what_may_pass_by_itself_ends_with_the_code_for_try_again() -> None:
    assert {family.exit_code for family in FAMILIES if issubclass(family, Transient)} == {75}
    assert 75 not in {family.exit_code for family in FAMILIES if not issubclass(family, Transient)}


@pytest.mark.parametrize(
    ("family", "builtin"),
    [
        (errors.NotFound, LookupError),
        (errors.MissingExtra, ImportError),
        (errors.InvalidInput, ValueError),
        (errors.TypeMismatch, TypeError),
        (errors.Unsupported, NotImplementedError),
        (errors.PermissionDenied, PermissionError),
        (errors.StepTimeout, TimeoutError),
        (errors.StorageFull, OSError),
        (errors.ServerUnavailable, ConnectionError),
    ],
)
def test_a_family_can_be_caught_as_the_builtin_it_refines(
    family: type[MlwrightError], builtin: type[Exception]
) -> None:
    with pytest.raises(builtin):
        raise family("it failed.")


def test_an_error_without_why_and_fix_is_one_line() -> None:
    assert str(NotFound("it is gone.")) == "it is gone."


def test_a_missing_extra_names_the_command() -> None:
    error = missing_extra("numpy", "ml", needed_for="an array")
    assert error.fix == "pip install 'mlwright[ml]'"
    assert error.context == {"package": "numpy", "extra": "ml"}


def test_a_near_miss_gets_a_hint_and_a_far_one_the_known_names() -> None:
    assert did_you_mean("flihgt", ["flight", "churn"]) == "did you mean 'flight'?"
    assert did_you_mean("zzz", ["flight", "churn"]) == "known: churn, flight"
    assert did_you_mean("zzz", []) == ""
