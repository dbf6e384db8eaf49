"""Searching and comparing runs from Python, over HTTP and from the command line."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import mlwright
from mlwright.api.client import LocalClient, RemoteClient
from mlwright.api.frames import RunTable
from mlwright.core.digest import canonical_json
from mlwright.errors import InvalidInput, MissingExtra, NotFound
from mlwright.ledger import curves, runs, tracked
from mlwright.ledger import datasets as used
from mlwright.ledger.tracked import RunArtifact
from mlwright.project import Project
from mlwright.server.main import background


@pytest.fixture
def searched(project: Project) -> Project:
    """Three runs of two experiments; the third's loss is NaN."""
    for index, experiment in enumerate(("vision/a", "vision/b", "tabular")):
        packages = {"numpy": "2.1" if index else "2.0", "scipy": "1.0"}
        environment = project.store.put(canonical_json({"python": "cpython 3.11", "packages": packages})).digest
        patch = project.store.put(f"-old {index}\n+new\n".encode())
        run_id = f"run{index}".ljust(26, "x")
        with project.ledger.write("user:ada") as tx:
            source = {"commit": f"c{index // 2}", "entry": "train.py"}
            new = runs.NewRun(id=run_id, experiment=experiment, name=f"n{index}", kind="script", source=source)
            runs.create_run(tx, new)
            tx.connection.exec_driver_sql(f"UPDATE runs SET environment_digest = '{environment}' WHERE id = '{run_id}'")
            values = [0.5 + index / 10, math.nan if index == 2 else 0.1]
            found = [
                curves.Point(key=key, step=1, value=value, at=tx.now)
                for key, value in zip(("auc", "loss"), values, strict=True)
            ]
            curves.add_points(tx, run_id, found)
            tracked.put_params(tx, run_id, {"lr": 10**-index, "opt": "adam", "layers": [1, index]})
            tracked.put_tags(tx, run_id, {"team": "red"})
            kept = {"name": "source/diff.patch", "codec": "bytes", "step": "", "created_at": tx.now}
            if index < 2:
                tracked.put_artifacts(
                    tx, run_id, [RunArtifact(digest=patch.digest, size_bytes=patch.size_bytes, **kept)]
                )
            dataset = used.put_dataset(tx, used.Dataset(name="flights", digest=f"d{index}"))
            used.use_dataset(tx, run_id, dataset, context="training")
            runs.end_run(tx, run_id, "succeeded", duration_s=1.0)
    return project


@pytest.fixture(params=["embedded", "server"])
def client(request: pytest.FixtureRequest, searched: Project) -> Iterator[Any]:
    """A client in this process, and one over HTTP."""
    if request.param == "embedded":
        yield LocalClient(searched)
        return
    with background(searched) as url:
        remote = RemoteClient(url)
        yield remote
        remote.close()


def names(page: Any) -> list[str]:
    """Return the names of the runs of a page."""
    return [run.name for run in page.items]


def test_a_search_gives_runs_with_what_they_logged(client: Any) -> None:
    where = "metrics.auc >= 0.6 AND (params.lr < 0.05 OR tags.team != 'red')"
    page = client.call("runs.search", where=where, order_by=["metrics.auc desc"])
    assert names(page) == ["n2"]
    (run,) = page.items
    assert run.params == {"lr": 0.01, "opt": "adam", "layers": [1, 2]}
    assert run.metrics["loss"].last == "nan"
    assert run.metrics["auc"].max == pytest.approx(0.7)
    assert run.tags == {"team": "red"}


def test_pages_and_patterns_of_experiments(client: Any) -> None:
    assert names(client.call("runs.search", experiments=["vision/*"])) == ["n1", "n0"]
    first = client.call("runs.search", order_by=["params.lr"], limit=2)
    assert names(first) == ["n2", "n1"]
    assert names(client.call("runs.search", order_by=["params.lr"], limit=2, cursor=first.next)) == ["n0"]
    with pytest.raises(NotFound, match="vison"):
        client.call("runs.search", experiments=["vison/*"])


def test_columns_restrict_what_is_read(client: Any) -> None:
    page = client.call("runs.search", columns=["params.lr", "min(metrics.auc)"])
    assert [set(run.params) for run in page.items] == [{"lr"}] * 3
    assert [set(run.metrics) for run in page.items] == [{"auc"}] * 3
    assert page.items[0].tags == {}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"where": "metrics.acu > 1"}, "did you mean 'metrics.auc'?"),
        ({"where": "params.LR > 1"}, "did you mean 'params.lr'?"),
        ({"where": "tags.taem = 'x' OR metrics.auc > 1"}, "did you mean 'tags.team'?"),
        ({"order_by": ["min(metrics.los)"]}, "did you mean 'min(metrics.loss)'?"),
        ({"where": "statsu = 'x'"}, "did you mean 'status'?"),
    ],
)
def test_a_mistyped_name_gets_a_hint(client: Any, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        client.call("runs.search", **asked)
    assert refused.value.fix == told


def test_a_name_that_resembles_nothing_finds_nothing(client: Any) -> None:
    assert client.call("runs.search", where="metrics.perplexity > 1").items == []
    assert len(client.call("runs.search", where="metrics.acu IS NULL").items) == 3


def test_runs_are_compared_by_what_differs(client: Any) -> None:
    found = client.call("runs.compare", runs=["run0".ljust(26, "x"), "run1".ljust(26, "x")])
    assert [row.key for row in found.params] == ["layers", "lr"]
    assert [row.values for row in found.metrics] == [[0.5, 0.6]]
    assert [(row.key, row.values) for row in found.environment] == [("numpy", ["2.0", "2.1"])]
    assert [(row.key, row.values) for row in found.data] == [("dataset flights (training)", ["d0", "d1"])]
    assert found.tags == found.code == []
    assert "+-old 1" in found.diffs[0].text
    everything = client.call("runs.compare", runs=["run0", "run1", "run2"], everything=True)
    assert {row.key: row.differs for row in everything.params} == {"layers": True, "lr": True, "opt": False}
    assert ("source.commit", ["c0", "c0", "c1"]) in [(row.key, row.values) for row in everything.code]


def test_one_run_is_compared_with_nothing(client: Any) -> None:
    with pytest.raises(InvalidInput):
        client.call("runs.compare", runs=["run0"])


def test_a_table_of_runs_becomes_rows_and_columns(searched: Project) -> None:
    table = mlwright.search_runs("metrics.auc > 0", order_by="metrics.auc", project=searched)
    assert [run.name for run in table] == ["n0", "n1", "n2"]
    assert repr(table) == f"RunTable(3 runs, {len(table.columns)} columns)"
    columns = table.to_dict()
    assert columns["params.lr"] == [1, 0.1, 0.01]
    assert math.isnan(columns["metrics.loss"][2])
    assert "<td>adam</td>" in table._repr_html_()
    assert len(table[1:]) == 2
    assert mlwright.search_runs(limit=2, columns=["name"], project=searched).to_dict() == {"name": ["n2", "n1"]}


def test_a_table_of_runs_becomes_an_arrow_table(searched: Project) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = mlwright.search_runs(project=searched).to_arrow()
    assert table.num_rows == 3
    assert table.schema.field("params.lr").type == pyarrow.float64()
    assert table.column("params.layers").to_pylist()[0] == "[1,2]"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_library_that_is_absent_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=library):
        getattr(RunTable([]), f"to_{library}")()


def test_python_compares_runs_of_the_process(searched: Project) -> None:
    assert [row.key for row in mlwright.compare_runs("run0", "run1", project=searched).metrics] == ["auc"]
