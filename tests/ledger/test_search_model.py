"""Searches that hypothesis makes up: the same answer as the expression evaluated in plain Python over the same runs."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from searched_runs import BOTH, NOW, Made, fits

from drawn_filters import LIKES, SIGNS, comparisons
from mlwright.core.filters import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODELS,
    RUNS,
    VERSIONS,
    And,
    Comparison,
    Expression,
    Field,
    Not,
    Or,
    parse,
    text_of,
)
from mlwright.errors import InvalidInput
from mlwright.ledger import Ledger
from mlwright.ledger import search as nouns
from mlwright.ledger.search import RunQuery, search_runs

COUNT = 250
EXAMPLES = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module", params=BOTH)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, Any]]:
    """A ledger of 250 runs on each database, and the runs."""
    folder: Path = tmp_path_factory.mktemp("model")
    cluster = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    url = cluster.fresh() if cluster is not None else f"sqlite:///{folder / 'ledger.db'}"
    chance = random.Random(23)
    made = [Made(index, chance) for index in range(COUNT)]
    with Ledger(url, durability="normal") as ledger:
        with ledger.write("user:ada") as tx:
            for one in made:
                one.write(tx)
        yield ledger, made
    if cluster is not None:
        cluster.drop(url)


metrics = st.builds(
    Field,
    st.just("metric"),
    st.sampled_from(("auc", "loss", "a b", "none")),
    st.sampled_from(("last", "min", "max", "count", "step")),
)
params = st.builds(Field, st.just("param"), st.sampled_from(("lr", "opt", "none")))
tags = st.builds(Field, st.just("tag"), st.sampled_from(("team", "t.x", "none")))
names = st.sampled_from([Field("attribute", "name"), Field("attribute", "run_id")])
floats = st.sampled_from(
    (0.0, 0.5, 1.0, 2.0, -1.0, math.inf, -math.inf, 1e308, -1e-320, 5e-324, 2.0**53 + 1)
) | st.floats(allow_nan=False)
LETTERS = st.sampled_from([*"abAr%_*?[]\\'\"`^$.x-ßÄöé\U0001f600 \n", "red", "RED", "adam", "re[d]"])
texts = st.lists(LETTERS, max_size=4).map("".join) | st.sampled_from(
    ("red", "", "RED", "adam", "0.5", "1", "true", "x" * 300, "x" * 260 + "z", "wörter", "WÖRTER", "b_c")
)


leaves = st.one_of(
    comparisons(metrics, floats, *SIGNS),
    comparisons(params, floats, *SIGNS),
    comparisons(params, texts, *SIGNS, *LIKES),
    comparisons(tags, texts, *SIGNS, *LIKES),
    comparisons(names, texts, *SIGNS, *LIKES),
    st.builds(Comparison, metrics, st.sampled_from(("IS NAN", "IS NOT NAN"))),
)


def joined(inner: Any) -> Any:
    """Join expressions."""
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, inner))


@EXAMPLES
@given(said=st.recursive(leaves, joined, max_leaves=10))
def test_what_a_search_finds_is_what_plain_python_finds(world: tuple[Ledger, Any], said: Expression) -> None:
    ledger, made = world
    read = parse(text_of(said))
    assert read is not None
    with ledger.read() as connection:
        page = search_runs(connection, RunQuery(where=read, limit=COUNT, now=NOW))
    assert {row.id for row in page.runs} == {one.id for one in made if not one.deleted and fits(one, said)}


def deep(inner: str, depth: int) -> str:
    """Return an expression within so many brackets and NOTs."""
    return "NOT (" * (depth // 2) + inner + ")" * (depth // 2)


PIECES = st.sampled_from(
    (
        *("metrics.auc", "params.lr", "tags.team", "name", "status", "started", "version", "alias", "experiment_id"),
        *(
            "=",
            "!=",
            "<",
            ">=",
            "LIKE",
            "ILIKE",
            "NOT",
            "IN",
            "BETWEEN",
            "AND",
            "OR",
            "IS",
            "NULL",
            "NAN",
            "(",
            ")",
            ",",
        ),
        *("'x'", "'a\x00b'", '"y"', "`z`", "1", "-1e999", "1e400", "inf", "9" * 400, "2026-03-01", "0000-01-01"),
        *("now()", "- 7d", "99999999999999999999w", "'%'", "'\\\\'", "'\ud800'", "é", "true", "min(", "count("),
    )
)
STRINGS = st.one_of(
    st.text(max_size=60),
    st.lists(PIECES, max_size=14).map(" ".join),
    st.builds(deep, st.just("metrics.auc > 1"), st.integers(0, 120)),
    st.builds(lambda sign, value: f"name {sign} {value}", st.sampled_from(("=", "LIKE", "IN")), PIECES),
    st.builds(lambda key, value: f"created > {value} OR {key} = {value}", PIECES, PIECES),
)
TABLES = (
    (EXPERIMENTS, nouns.EXPERIMENTS),
    (MODELS, nouns.MODELS),
    (VERSIONS, nouns.VERSIONS),
    (LOGGED_MODELS, nouns.LOGGED_MODELS),
)


@EXAMPLES
@given(text=STRINGS)
def test_every_text_gives_an_answer_or_a_refusal_with_its_place(world: tuple[Ledger, Any], text: str) -> None:
    ledger, _ = world
    with ledger.read() as connection:
        for where in _read(text, RUNS):
            with suppress(InvalidInput):
                search_runs(connection, RunQuery(where=where, limit=5, now=NOW))
        for fields, noun in TABLES:
            for where in _read(text, fields):
                with suppress(InvalidInput):
                    nouns.search(connection, noun, nouns.Query(where=where, limit=5, now=NOW))


def _read(text: str, fields: Any) -> Iterator[Expression | None]:
    for dialect in ("mlwright", "mlflow"):
        try:
            yield parse(text, fields, dialect=dialect)  # type: ignore[arg-type]
        except InvalidInput as refused:
            _check_place(refused)


def _check_place(refused: InvalidInput) -> None:
    assert "column" in refused.context or "too long" in refused.what, refused


@pytest.mark.parametrize(
    "text", ["name = 'a\x00b'", "name LIKE '\ud800%'", 'metrics."\udfff" > 1', "run_id IN ('\ud800')"]
)
def test_what_no_database_can_hold_is_refused_with_its_place(text: str) -> None:
    for dialect in ("mlwright", "mlflow"):
        with pytest.raises(InvalidInput, match="no text that is kept") as refused:
            parse(text, dialect=dialect)  # type: ignore[arg-type]
        assert str(refused.value).encode()
        assert refused.value.context["column"] > 1


def test_too_deep_an_expression_is_refused_with_the_bound() -> None:
    with pytest.raises(InvalidInput, match="deeper than 40"):
        parse(deep("metrics.auc > 1", 100))
