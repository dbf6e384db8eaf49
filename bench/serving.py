"""The gateway: one request through routing, scoring and the inference log, beside the same model by hand.

The floor decodes the same JSON, asks the same estimator and writes the same answer down, as durably: the least that a
server can do that promises never to lose an answer it has given.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench.harness import Case

_FEATURES = [f"x{number}" for number in range(20)]


@contextmanager
def infer_row(folder: Path) -> Iterator[Case]:
    """One row a request."""
    with _infer(folder, rows=1, count=50) as case:
        yield case


@contextmanager
def infer_batch(folder: Path) -> Iterator[Case]:
    """Fifty rows a request, counted by row."""
    with _infer(folder, rows=50, count=20) as case:
        yield case


@contextmanager
def _infer(folder: Path, *, rows: int, count: int) -> Iterator[Case]:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from mlwright.delivery import Deployment, declare, start
    from mlwright.project import Project
    from mlwright.registry import Column, register_model
    from mlwright.serving import Gateway

    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, len(_FEATURES)))
    model = LogisticRegression().fit(x, (x[:, 0] > 0).astype(int))
    body = _body(x[:rows])
    raw = _raw_database(folder / "raw.db")

    with Project.open(folder, home=folder / "home") as project:
        columns = [Column(name, "FP64") for name in _FEATURES]
        version = register_model("bench", model, columns=columns, project=project)
        with project.ledger.write("user:bench") as tx:
            declare(tx, Deployment("bench", model="bench"))
        start(project, "bench", version.version)
        gateway = Gateway(project, refresh_s=3600)
        gateway.refresh()

        def ours(operations: int) -> None:
            for _ in range(operations // rows):
                gateway.infer("bench", body)

        def floor(operations: int) -> None:
            for _ in range(operations // rows):
                request = msgspec.json.decode(body)
                matrix = np.column_stack([np.array(tensor["data"], dtype=float) for tensor in request["inputs"]])
                scores = model.predict_proba(matrix)[:, 1]
                raw.execute("BEGIN IMMEDIATE")
                raw.execute("INSERT INTO log VALUES (NULL, ?, ?)", (matrix.tobytes(), scores.tobytes()))
                raw.execute("COMMIT")
                msgspec.json.encode(scores.tolist())

        name = "gateway: single row" if rows == 1 else f"gateway: batch of {rows}"
        yield Case(name, "decode, predict_proba, sqlite3 commit, encode", count * rows, ours, floor, "row")
        gateway.close()
    raw.close()


def _body(matrix: Any) -> bytes:
    """Return an Open Inference Protocol request with one tensor for each feature."""
    inputs = [
        {"name": name, "datatype": "FP64", "shape": [len(matrix)], "data": matrix[:, number].tolist()}
        for number, name in enumerate(_FEATURES)
    ]
    return msgspec.json.encode({"inputs": inputs})


def _raw_database(path: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        raw.execute(f"PRAGMA {pragma}")
    raw.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, features BLOB, scores BLOB)")
    return raw
