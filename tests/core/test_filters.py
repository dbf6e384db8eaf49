"""The language of filters: what it reads, how it prints, what it refuses and how it says so."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_filters import LIKES, SIGNS, comparisons
from mlwright.core.filters import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODELS,
    RUNS,
    VERSIONS,
    And,
    Comparison,
    Constant,
    Expression,
    Field,
    Moment,
    Not,
    Or,
    all_of,
    any_of,
    parse,
    parse_columns,
    parse_orders,
    text_of,
)
from mlwright.core.filters.grammar import MAX_DEPTH
from mlwright.core.filters.literals import DAY_US
from mlwright.errors import InvalidInput

TABLES = (RUNS, EXPERIMENTS, MODELS, VERSIONS, LOGGED_MODELS)

keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)
numbers = st.floats(allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
moments = st.one_of(
    st.builds(Moment, st.integers(-10_000, 40_000).map(lambda day: day * DAY_US), st.just(DAY_US)),
    st.builds(Moment, st.integers(-(10**15), 10**15), st.just(1)),
    st.builds(Moment, st.integers(-(10**12), 10**12).map(lambda ms: ms * 1000), st.just(1000)),
    st.builds(Moment, st.integers(-(10**13), 0), st.just(1), st.just(True)),
)


metrics = st.builds(Field, st.just("metric"), keys, st.sampled_from(("last", "min", "max", "count", "step")))
params = st.builds(Field, st.just("param"), keys)
tags = st.builds(Field, st.just("tag"), keys)
names = st.sampled_from([Field("attribute", name) for name in ("run_id", "name", "user", "experiment", "note")])
dates = st.sampled_from([Field("attribute", "started"), Field("attribute", "ended")])
leaves = st.one_of(
    comparisons(metrics, numbers, *SIGNS),
    comparisons(params, numbers, *SIGNS),
    comparisons(params, texts, *SIGNS, *LIKES),
    comparisons(tags, texts, *SIGNS, *LIKES),
    comparisons(names, texts, *SIGNS, *LIKES),
    comparisons(dates, moments, *SIGNS),
    st.builds(Comparison, params, st.just("="), st.tuples(st.booleans())),
    st.builds(Constant, st.booleans()),
)


def deeper(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Join expressions."""
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(several.map(all_of), several.map(any_of), st.builds(Not, inner))


expressions = st.recursive(leaves, deeper, max_leaves=8)


@given(expressions)
def test_what_is_printed_reads_back_the_same(expression: Expression) -> None:
    assert parse(text_of(expression)) == expression


WORDS = (
    *(
        "metrics.a",
        "params.",
        "tags.`",
        "status",
        "'x'",
        '"y"',
        "`z`",
        "(",
        ")",
        "AND",
        "OR",
        "NOT",
        "IN",
        "IS",
        "NULL",
    ),
    *(
        "LIKE",
        "BETWEEN",
        "=",
        "!=",
        "<",
        ",",
        "-",
        ".",
        "1",
        "1e5",
        "2026-03-01",
        "7d",
        "now",
        "now()",
        "min(",
        "true",
        ";",
    ),
    *("--", "\\", "\x00", "é", "inf", "started", "\n", "run_id", "name", "version_number", "creation_time", "*", "%"),
)


@given(
    st.one_of(st.text(), st.lists(st.sampled_from(WORDS)).map(" ".join), st.lists(st.sampled_from(WORDS)).map("".join))
)
def test_garbage_is_refused_or_read_and_never_raises_anything_else(text: str) -> None:
    for table in TABLES:
        for read in (
            lambda: parse(text, table),  # noqa: B023
            lambda: parse(text, table, dialect="mlflow"),  # noqa: B023
            lambda: parse_orders([text], table),  # noqa: B023
            lambda: parse_orders([text], table, mlflow=True),  # noqa: B023
            lambda: parse_columns([text], table),  # noqa: B023
        ):
            with suppress(InvalidInput):
                read()


def test_and_binds_tighter_than_or_and_not_tightest() -> None:
    said = parse("status = 'failed' or not tags.a = 'x' and metrics.m > 1")
    assert isinstance(said, Or)
    assert isinstance(said.parts[1], And)
    assert isinstance(said.parts[1].parts[0], Not)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("metric.a>1", "metrics.a > 1"),
        ("parameter.lr = '1'", "params.lr = '1'"),
        ("attr.status = 'FINISHED'", "status = 'succeeded'"),
        ("run.run_name = 'x'", "name = 'x'"),
        ("`metrics`.`a b` <> 1", 'metrics."a b" != 1'),
        ("metrics.val/loss == 1", "metrics.val/loss = 1"),
        ("min(metrics.train.loss) < 0.1", "min(metrics.train.loss) < 0.1"),
        ("last(metrics.a) < .1", "metrics.a < 0.1"),
        ("started > now() - 48h", "started > now() - 2d"),
        ("duration > 2h", "duration > 7200"),
        ("start_time >= 1664067852747", "started >= 1664067852747"),
        ("models.name = 'churn' and model.version = 3", "model.name = 'churn' AND model.version = 3"),
        ("not (a_b = 'x')", ""),
    ],
)
def test_names_and_signs_have_other_spellings(text: str, same: str) -> None:
    if not same:
        with pytest.raises(InvalidInput):
            parse(text)
        return
    assert text_of(parse(text)) == same


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("statsu = 'failed'", 1, "did you mean 'status'?"),
        ("metrics.a > 1 AND metrcs.b > 2", 19, "did you mean 'metrics'?"),
        ("metrics.a > 'x'", 13, "write a number, without quotes"),
        ("params.a = adam", 12, "write 'adam' in single quotes"),
        ("(metrics.a > 1", 15, "None"),
        ("metrics.a > 1)", 14, "None"),
        ("metrics.a > 1 metrics.b > 2", 15, "None"),
        ("metrics.a >", 12, "write a number, without quotes"),
        ("tags.a = 'x", 10, "None"),
        ("dataset.nam = 'x'", 1, "did you mean 'name'?"),
        ("mni(metrics.a) > 1", 1, "did you mean 'min'?"),
        ("status = 'faild'", 10, "did you mean 'failed'?"),
        ("started > yesterday", 11, "now() - 7d"),
        ("accuracy > 0.9", 1, "write metrics.accuracy"),
    ],
)
def test_an_error_names_its_place_and_says_what_to_write(text: str, column: int, told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(text)
    assert refused.value.context["column"] == column
    assert told in str(refused.value.fix)


def test_depth_and_length_are_bounded() -> None:
    for text in (
        "(" * 10_000 + "metrics.a > 1" + ")" * 10_000,
        "NOT " * 10_000 + "true",
        " AND ".join(["metrics.a > 1"] * 1000),
        "x" * 600_000,
    ):
        with pytest.raises(InvalidInput):
            parse(text)
    assert parse("(" * MAX_DEPTH + "true" + ")" * MAX_DEPTH) == Constant(True)


ACCEPTED = (
    *(
        "metrics.a > 1",
        "metrics.a>=-1e-3",
        "metrics.`a b` != .5",
        'params."x" = "y"',
        "params.x LIKE '%a'",
        "tags.x ilike 'b'",
    ),
    *(
        "tag.mlflow.user = 'x'",
        "params.x IS NULL AND tags.y IS NOT NULL",
        "attributes.status = 'FINISHED'",
        "Created > 5",
    ),
    *(
        "run_id IN ('a', \"b\")",
        "run_id NOT IN ('a')",
        "dataset.digest IN ('a')",
        "datasets.context = 'train'",
        "user_id = 'x'",
    ),
    *("attribute.`Run name` != 'x'", "start_time <= 1664067852747", "", "   ", "metrics.a > 1 AND", "tags.a = 'it''s'"),
)
REFUSED = (
    *(
        "metrics.a > 1 OR metrics.b > 1",
        "NOT metrics.a > 1",
        "(metrics.a > 1)",
        "metrics.a BETWEEN 1 AND 2",
        "metrics.a = '1'",
    ),
    *(
        "metrics.a IS NULL",
        "params.a > '1'",
        "params.a = 1",
        "params.a = `x`",
        "params.a IN ('x')",
        "params.a NOT LIKE 'x'",
    ),
    *(
        "metrics.a-b > 1",
        "metrics.a/b > 1",
        "status IN ('x')",
        "run_id IN ()",
        "run_id IN (1)",
        "model.name = 'x'",
        "foo = 'x'",
    ),
    *(
        "foo.bar = 'x'",
        "name = 'x'",
        "Metrics.a > 1",
        "metrics.a == 1",
        "metrics.a <> 1",
        "start_time > '1'",
        "1 = 1",
        "metrics.a > 1;",
    ),
    *("metrics.a > inf", "attributes.experiment_id = '1'", "dataset.foo = 'x'", '"metrics".a > 1', "status = FINISHED"),
)


@pytest.mark.parametrize("text", ACCEPTED)
def test_the_dialect_of_mlflow_reads_what_mlflow_reads(text: str) -> None:
    parse(text, dialect="mlflow")


@pytest.mark.parametrize("text", REFUSED)
def test_the_dialect_of_mlflow_refuses_what_mlflow_refuses(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text, dialect="mlflow")


def test_states_of_mlflow_are_translated_whatever_the_comparison() -> None:
    assert (
        text_of(parse("status != 'FINISHED'", dialect="mlflow"))
        == "status IN ('scheduled', 'running', 'failed', 'cancelled')"
    )
    assert text_of(parse("status LIKE 'F%'", dialect="mlflow")) == "status IN ('succeeded', 'failed')"
    assert text_of(parse("status ILIKE 'killed'", dialect="mlflow")) == "status = 'cancelled'"
    assert parse("status = 'finished'", dialect="mlflow") == Constant(False)


def test_quotes_mean_in_the_dialect_of_mlflow_what_they_mean_there() -> None:
    doubled = parse("tags.a = 'it''s'", dialect="mlflow")
    assert isinstance(doubled, Comparison)
    assert doubled.values == ("it''s",)


@pytest.mark.parametrize(
    "text", ["metrics.`a b` DESC", "metrics.a", "attributes.start_time ASC", "tags.x asc", "Created", "params.x"]
)
def test_sort_orders_of_mlflow_are_read(text: str) -> None:
    assert parse_orders([text], RUNS, mlflow=True)[0].as_text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "metrics.a descending",
        "metrics.a b c",
        "foo",
        "`run name`",
        "metrics.a-b",
        "dataset.name",
        "METRICS.a",
        "timestamp",
    ],
)
def test_sort_orders_that_mlflow_refuses_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_orders([text], RUNS, mlflow=True)


def test_a_field_can_be_sorted_by_once() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        parse_orders(["metrics.a", "metrics.a desc"], RUNS)
    with pytest.raises(InvalidInput, match="several"):
        parse_orders(["dataset.name"], RUNS)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (EXPERIMENTS, "name LIKE 'a%' AND tags.x IS NULL AND creation_time > 5 AND experiment_id IN ('1')"),
        (MODELS, "name ILIKE '%a' AND tag.x != 'y' AND name IN ('a', 'b')"),
        (
            VERSIONS,
            "name = 'a' AND version_number > 1 AND version_number = '2' AND run_id IN ('x') AND source_path LIKE 'a'",
        ),
        (LOGGED_MODELS, "metrics.acc > 0.5 AND params.a IN ('x') AND attributes.name = 'm' AND creation_timestamp > 5"),
    ],
)
def test_other_nouns_have_their_fields(table: Any, text: str) -> None:
    assert parse(text, table, dialect="mlflow") is not None


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (EXPERIMENTS, "metrics.a > 1"),
        (MODELS, "description = 'x'"),
        (VERSIONS, "creation_timestamp > 1"),
        (LOGGED_MODELS, "tag.a = 'x'"),
    ],
)
def test_other_nouns_lack_the_fields_that_mlflow_lacks(table: Any, text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text, table, dialect="mlflow")
