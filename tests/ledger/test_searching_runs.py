"""What a search of runs finds: the same as the expression evaluated by hand, on both databases, on any way to it."""

from __future__ import annotations

import itertools
import math
import random
from datetime import datetime
from typing import Any

import pytest
from searched_runs import NOW, Made, fits

from mlwright.core.filters import Comparison, Expression, Order, parse, parse_orders
from mlwright.core.filters.fields import RUNS
from mlwright.errors import InvalidInput
from mlwright.ledger import Ledger
from mlwright.ledger.search import RunQuery, planning, search_runs

SOURCES = ("metric", "param", "tag")


CONDITIONS = (
    *(
        f"metrics.auc {sign} {value}"
        for sign in ("=", "!=", ">", ">=", "<", "<=")
        for value in ("0.5", "1", "-1", "inf")
    ),
    *(
        f"{part}(metrics.loss) {sign} 1"
        for part in ("min", "max", "last", "count", "step")
        for sign in ("=", "!=", "<", ">=")
    ),
    *('metrics."a b" IN (0.5, 2)', "metrics.auc NOT IN (0.5, 2)", "metrics.loss BETWEEN 0 AND 1"),
    *("metrics.loss NOT BETWEEN 0 AND 1", "metrics.auc IS NULL", "metrics.auc IS NOT NULL", "metrics.auc IS NAN"),
    *("metrics.auc IS NOT NAN", "params.lr = 0.5", "params.lr != 0.5", "params.lr < 1", "params.lr = '0.5'"),
    *("params.lr IN (1, 'adam')", "params.lr NOT IN (1, 'adam')", "params.opt = true", "params.opt != true"),
    *("params.opt LIKE '%dam'", "params.opt ILIKE 'ADAM'", "params.opt NOT LIKE 'a%'", "params.opt IS NULL"),
    *(
        f"params.opt = '{'x' * 300}'",
        f"params.lr != '{'x' * 300}'",
        "params.lr LIKE '%y'",
        "params.opt BETWEEN 'a' AND 'b'",
    ),
    *(
        "params.lr NOT BETWEEN 0 AND 0.7",
        "params.opt > 'Z'",
        "tags.team = 'red'",
        "tags.team != 'red'",
        "tags.team < 'b'",
    ),
    *(
        "tags.team LIKE 're[d]'",
        "tags.team LIKE 'r*d'",
        "tags.team LIKE '%z'",
        "tags.team LIKE 'blu_'",
        "tags.team ILIKE 'RED'",
    ),
    *(
        "tags.t.x IN ('red', '')",
        "tags.t.x NOT IN ('red', '')",
        "tags.team = ''",
        "tags.team IS NOT NULL",
        "tags.team NOT ILIKE 'r%'",
    ),
    *("name = 'a'", "name LIKE 'b%'", "name LIKE 'b!%'", "name ILIKE 'A'", "status = 'failed'", "status != 'FINISHED'"),
    *("status IN ('running', 'failed')", "started > 2026-03-10", "started = 2026-03-12", "started != 2026-03-12"),
    *("started < now() - 3d", "started BETWEEN 2026-03-01 AND 2026-03-08T12:00:00Z", "started >= now() - 100h"),
    *(f"run_id IN ({', '.join(repr(f'{n:04d}' + 'x' * 22) for n in range(5))})", "run_id > '0020'", "true", "false"),
)
ORDERS = (
    *(
        [],
        ["metrics.auc desc"],
        ["metrics.auc"],
        ["min(metrics.loss) desc", "params.lr"],
        ["params.opt", "metrics.auc desc"],
    ),
    *(
        ["tags.team"],
        ["tags.team desc", "name"],
        ["started"],
        ["started desc"],
        ["run_id desc"],
        ["status", "name desc"],
    ),
    *(["ended"], ["duration desc", "metrics.auc"], ["user"], ["experiment", "count(metrics.auc)"], ["params.lr desc"]),
)


def sort_key(made: Made, order: list[Order]) -> list[Any]:
    """Return what a run sorts by, without a database; only for orders of what `Made` knows."""
    key: list[Any] = []
    for term in order:
        value = made.value(term.field)
        flip = -1 if term.descending else 1
        if value is None:
            key.append((2, 0))
        elif term.field.entity == "metric":
            key.append((1, 0) if math.isnan(value) else (0, flip * value))
        elif isinstance(value, datetime):
            key.append((0, flip * value.timestamp()))
        else:
            key.append((0, Flipped(value) if term.descending else value))
    return [*key, -made.started.timestamp(), made.id]


class Flipped:
    """A text that sorts the other way round."""

    def __init__(self, text: str) -> None:
        self.text = text.encode()

    def __lt__(self, other: Flipped) -> bool:
        return self.text > other.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Flipped) and self.text == other.text

    __hash__ = None  # type: ignore[assignment]


@pytest.fixture(params=["few", "along", "meeting", "first of those met"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, ledger: Ledger) -> str:
    """Make the planner go one of its ways, however small the data."""
    if request.param not in ("few", "along") and not ledger.is_sqlite:
        pytest.skip("PostgreSQL joins by itself")
    if request.param != "few":
        monkeypatch.setattr(planning, "FEW", 0 if request.param == "meeting" else -1)
        monkeypatch.setattr(planning, "FAR", 10**9 if request.param == "along" else 0)
    return str(request.param)


@pytest.fixture
def made(ledger: Ledger) -> list[Made]:
    """Sixty runs, each with something of everything."""
    chance = random.Random(11)
    found = [Made(index, chance) for index in range(60)]
    with ledger.write("user:ada") as tx:
        for one in found:
            one.write(tx)
    return found


def asked(ledger: Ledger, where: Expression | None, order: list[Order], limit: int) -> list[str]:
    """Return what a search finds, page by page."""
    found: list[str] = []
    after = None
    with ledger.read() as connection:
        while True:
            query = RunQuery(where=where, order=order, limit=limit, after=after, now=NOW)
            page = search_runs(connection, query)
            found += [row.id for row in page.runs]
            after = page.cursor
            if after is None:
                return found


def test_every_condition_finds_what_it_says_whatever_the_way(ledger: Ledger, made: list[Made], way: str) -> None:
    for text, order in zip(CONDITIONS, itertools.cycle(ORDERS), strict=False):
        said = parse(text)
        assert said is not None
        expected = {one.id for one in made if not one.deleted and fits(one, said)}
        found = asked(ledger, said, parse_orders(order, RUNS), 50)
        assert len(found) == len(set(found)), text
        assert set(found) == expected, text


def test_joined_conditions_find_what_they_say_whatever_the_way(ledger: Ledger, made: list[Made], way: str) -> None:
    chance = random.Random(5)

    def draw(depth: int) -> str:
        kind = chance.random()
        if depth == 0 or kind < 0.3:
            return chance.choice(CONDITIONS)
        if kind < 0.45:
            return f"NOT ({draw(depth - 1)})"
        sign = " AND " if kind < 0.8 else " OR "
        return "(" + sign.join(draw(depth - 1) for _ in range(chance.randrange(2, 4))) + ")"

    for round_ in range(60):
        text = draw(3)
        said = parse(text)
        assert said is not None
        expected = {one.id for one in made if not one.deleted and fits(one, said)}
        order = parse_orders(ORDERS[round_ % len(ORDERS)], RUNS)
        found = asked(ledger, said, order, chance.choice((3, 7, 100)))
        assert len(found) == len(set(found)), text
        assert set(found) == expected, text


@pytest.mark.parametrize(
    "terms",
    [
        ["metrics.auc desc"],
        ["metrics.auc"],
        ["min(metrics.loss) desc", "metrics.auc"],
        ["tags.team desc", "status"],
        ["tags.team"],
        ["started"],
        ["name", "count(metrics.auc) desc"],
        ["run_id desc"],
        [],
    ],
)
def test_pages_follow_the_order_to_its_end(ledger: Ledger, made: list[Made], way: str, terms: list[str]) -> None:
    order = parse_orders(terms, RUNS)
    for text in ("", "metrics.auc > 0 OR params.lr IS NULL", "metrics.auc >= 0.5"):
        said = parse(text)
        expected = [one for one in made if not one.deleted and (said is None or fits(one, said))]
        expected.sort(key=lambda one: sort_key(one, order))
        for limit in (9, 1000):
            assert asked(ledger, said, order, limit) == [one.id for one in expected], (text, limit)


def test_the_bin_and_experiments_restrict_a_search(ledger: Ledger, made: list[Made]) -> None:
    with ledger.read() as connection:
        ids = dict(connection.exec_driver_sql("SELECT name, id FROM experiments").all())
        binned = search_runs(connection, RunQuery(view="deleted", limit=1000))
        everything = search_runs(connection, RunQuery(view="all", limit=1000))
        one = search_runs(connection, RunQuery(experiments=[ids["one"]], view="all", limit=1000))
        none = search_runs(connection, RunQuery(experiments=[], limit=1000))
    assert {row.id for row in binned.runs} == {run.id for run in made if run.deleted}
    assert len(everything.runs) == len(made)
    assert {row.id for row in one.runs} == {run.id for run in made if run.experiment == "one"}
    assert none.runs == []


def test_a_cursor_of_another_search_is_refused(ledger: Ledger, made: list[Made]) -> None:
    with ledger.read() as connection:
        cursor = search_runs(connection, RunQuery(limit=3)).cursor
        assert cursor is not None
        for query in (
            RunQuery(limit=3, after=cursor, view="all"),
            RunQuery(limit=3, after=cursor, where=parse("status = 'failed'")),
            RunQuery(limit=3, after=cursor, order=parse_orders(["metrics.auc"], RUNS)),
        ):
            with pytest.raises(InvalidInput, match="another search"):
                search_runs(connection, query)
        assert len(search_runs(connection, RunQuery(limit=5, after=cursor)).runs) == 5


@pytest.mark.parametrize("text", ["", "x", "é", "AAAA", "####", "k" * 1000, "\x00", "kwHEAaA"])
def test_a_text_that_is_no_cursor_is_refused(ledger: Ledger, text: str) -> None:
    with ledger.read() as connection, pytest.raises(InvalidInput, match="page token"):
        search_runs(connection, RunQuery(after=text))


def test_texts_of_a_filter_never_become_sql(ledger: Ledger, made: list[Made]) -> None:
    nasty = "'; DROP TABLE runs; --"
    with ledger.read() as connection:
        for where in (
            Comparison(parse('tags."a"  IS NULL').field, "=", (nasty,)),  # type: ignore[union-attr]
            parse('params."\'; DROP TABLE runs; --" = 1'),
            parse("name LIKE '%''; DROP TABLE runs; --'"),
        ):
            assert search_runs(connection, RunQuery(where=where)).runs == []
        assert search_runs(connection, RunQuery(limit=1)).runs


def test_a_pattern_that_no_database_takes_is_refused(ledger: Ledger) -> None:
    with ledger.read() as connection, pytest.raises(InvalidInput, match="too long"):
        search_runs(connection, RunQuery(where=parse(f"tags.team LIKE '{'%' * 60_000}'")))
    with ledger.read() as connection:
        search_runs(connection, RunQuery(where=parse(f"tags.team LIKE '{'*' * 9_999}%'")))
