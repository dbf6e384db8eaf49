"""What searches of experiments, models, versions and logged models find, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from mlwright.core.filters import FieldTable, fields, parse, parse_orders
from mlwright.errors import InvalidInput
from mlwright.ledger import Ledger, schema
from mlwright.ledger.search import EXPERIMENTS, LOGGED_MODELS, MODELS, VERSIONS, Noun, Query, search

AT = datetime(2026, 3, 1, tzinfo=UTC)
TABLES: dict[str, FieldTable] = {
    "experiments": fields.EXPERIMENTS,
    "models": fields.MODELS,
    "model versions": fields.VERSIONS,
    "logged models": fields.LOGGED_MODELS,
}


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """Three of each noun."""
    with ledger.write() as tx:
        for table, rows in (
            (
                schema.experiments,
                [_experiment(number, name) for number, name in enumerate(("Default", "vision/a", "vision/B"))],
            ),
            (
                schema.experiment_tags,
                [
                    {"experiment_id": "e1".ljust(26), "key": "team", "value": "red"},
                    {"experiment_id": "e2".ljust(26), "key": "team", "value": "blue"},
                ],
            ),
            (
                schema.models,
                [
                    {"name": name, "description": name * 2, **_stamps(day)}
                    for day, name in enumerate(("churn", "delay", "Churn2"))
                ],
            ),
            (schema.model_versions, [_version("churn", 1), _version("churn", 2), _version("delay", 1)]),
            (
                schema.model_tags,
                [
                    {"model": "churn", "version": 0, "key": "team", "value": "red"},
                    {"model": "churn", "version": 2, "key": "ok", "value": "yes"},
                    {"model": "delay", "version": 0, "key": "mlflow.prompt.is_prompt", "value": "true"},
                ],
            ),
            (
                schema.aliases,
                [
                    {
                        "id": "a" * 26,
                        "model": "churn",
                        "alias": "prod",
                        "version": 1,
                        "from_at": AT,
                        "to_at": None,
                        "actor": "user:x",
                    },
                    {
                        "id": "b" * 26,
                        "model": "churn",
                        "alias": "old",
                        "version": 2,
                        "from_at": AT,
                        "to_at": AT,
                        "actor": "user:x",
                    },
                ],
            ),
            (schema.logged_models, [_logged(number) for number in range(3)]),
            (
                schema.logged_model_metrics,
                [_metric(*row) for row in ((0, 0.5, 1, "train"), (0, 0.9, 2, "test"), (1, 0.7, 1, "train"))],
            ),
        ):
            tx.execute(sa.insert(table), rows)
    return ledger


def _stamps(day: int) -> dict[str, Any]:
    return {"created_at": AT + timedelta(days=day), "changed_at": AT + timedelta(days=10 - day)}


def _experiment(number: int, name: str) -> dict[str, Any]:
    binned = AT if number == 2 else None
    return {"id": f"e{number}".ljust(26), "number": number, "name": name, "deleted_at": binned, **_stamps(number)}


def _version(model: str, version: int) -> dict[str, Any]:
    json = {"signature": {}, "metrics": {}, "lineage": {}}
    told = {"flavour": "sklearn", "codec": "x", "unsafe": False, "actor": "user:ada", "source": f"s3://m/{version}"}
    return {
        "model": model,
        "version": version,
        "digest": f"sha256:{version}",
        "run_id": f"r{version}",
        **json,
        **told,
        **_stamps(version),
    }


def _logged(number: int) -> dict[str, Any]:
    owner = {"experiment_id": "e1".ljust(26), "run_id": f"r{number}"}
    told = {"params": {"lr": str(number), 'a"b': "x"}, "tags": {"team": "red"} if number else {}}
    return {"id": f"m-{number}", "name": f"net{number}", "status": "ready", **owner, **told, **_stamps(number)}


def _metric(number: int, value: float, step: int, dataset: str) -> dict[str, Any]:
    at = AT + timedelta(seconds=step)
    return {"model_id": f"m-{number}", "key": "acc", "value": value, "step": step, "at": at, "dataset_name": dataset}


def asked(ledger: Ledger, noun: Noun, where: str, order: list[str] | None = None, **more: Any) -> list[Any]:
    """Return the keys that a search finds, page by page of two."""
    found: list[Any] = []
    after = None
    table = TABLES[noun.name]
    with ledger.read() as connection:
        while True:
            query = Query(
                where=parse(where, table), order=parse_orders(order or [], table), limit=2, after=after, **more
            )
            page = search(connection, noun, query)
            found += [key[0].strip() if len(key) == 1 else f"{key[0]}/{key[1]}" for key in page.keys]
            after = page.cursor
            if after is None:
                return found


@pytest.mark.parametrize(
    ("noun", "where", "order", "found"),
    [
        (EXPERIMENTS, "", [], ["e1", "e0"]),
        (EXPERIMENTS, "name LIKE 'vision/%'", [], ["e1"]),
        (EXPERIMENTS, "tags.team = 'red' OR tags.team IS NULL", ["name"], ["e0", "e1"]),
        (EXPERIMENTS, "tags.team != 'red'", [], []),
        (EXPERIMENTS, "experiment_id IN ('0', '7')", [], ["e0"]),
        (EXPERIMENTS, "created >= 2026-03-02 AND changed < 2026-03-20", [], ["e1"]),
        (MODELS, "", [], ["Churn2", "churn", "delay"]),
        (MODELS, "name ILIKE 'churn%'", ["changed desc"], ["churn", "Churn2"]),
        (MODELS, "name LIKE 'churn%'", [], ["churn"]),
        (MODELS, "alias = 'prod'", [], ["churn"]),
        (MODELS, "alias = 'old' OR alias IS NULL", [], ["Churn2", "delay"]),
        (MODELS, "tags.team = 'red' AND description = 'churnchurn'", [], ["churn"]),
        (MODELS, "tags.`mlflow.prompt.is_prompt` != 'true'", [], ["Churn2", "churn"]),
        (MODELS, "tags.`mlflow.prompt.is_prompt` = 'true'", [], ["delay"]),
        (VERSIONS, "", [], ["churn/2", "churn/1", "delay/1"]),
        (VERSIONS, "version > 1 OR name = 'delay'", ["version"], ["delay/1", "churn/2"]),
        (VERSIONS, "tags.ok = 'yes'", [], ["churn/2"]),
        (VERSIONS, "alias = 'prod' AND user = 'ada'", [], ["churn/1"]),
        (VERSIONS, "run_id IN ('r1') AND source LIKE '%/1'", ["name desc"], ["delay/1", "churn/1"]),
        (LOGGED_MODELS, "", [], ["m-2", "m-1", "m-0"]),
        (LOGGED_MODELS, "metrics.acc > 0.6", ["metrics.acc"], ["m-1", "m-0"]),
        (LOGGED_MODELS, "metrics.acc IS NULL", [], ["m-2"]),
        (LOGGED_MODELS, "", ["metrics.acc desc"], ["m-0", "m-1", "m-2"]),
        (LOGGED_MODELS, "params.lr = '1' AND tags.team = 'red'", [], ["m-1"]),
        (LOGGED_MODELS, "params.lr = 1", [], ["m-1"]),
        (LOGGED_MODELS, "params.\"a\"\"b\" = 'x' AND status = 'READY'", ["params.lr"], ["m-0", "m-1", "m-2"]),
        (LOGGED_MODELS, "source_run_id = 'r2' AND name != 'net0'", [], ["m-2"]),
    ],
)
def test_a_search_finds_what_it_says(
    filled: Ledger, noun: Noun, where: str, order: list[str], found: list[str]
) -> None:
    assert asked(filled, noun, where, order) == found


def test_the_bin_of_experiments_is_searched_when_asked_for(filled: Ledger) -> None:
    assert asked(filled, EXPERIMENTS, "", view="deleted") == ["e2"]
    assert asked(filled, EXPERIMENTS, "", ["created"], view="all") == ["e0", "e1", "e2"]


def test_metrics_of_logged_models_are_those_of_the_datasets_that_are_asked_for(filled: Ledger) -> None:
    assert asked(filled, LOGGED_MODELS, "", datasets=[("test", "")]) == ["m-0"]
    assert asked(filled, LOGGED_MODELS, "metrics.acc > 0.6", datasets=[("train", "")]) == ["m-1"]
    assert asked(filled, LOGGED_MODELS, "", ["metrics.acc desc"], datasets=[("train", "")]) == ["m-1", "m-0"]
    assert asked(filled, LOGGED_MODELS, "", experiments=[]) == []


def test_a_cursor_of_another_noun_is_refused(filled: Ledger) -> None:
    with filled.read() as connection:
        cursor = search(connection, MODELS, Query(limit=1)).cursor
        with pytest.raises(InvalidInput, match="another search"):
            search(connection, VERSIONS, Query(after=cursor))
