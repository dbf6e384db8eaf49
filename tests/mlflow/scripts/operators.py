"""Each operator of the filter grammar, on each kind of field that takes it."""

from __future__ import annotations

import pandas as pd

import mlflow

client = mlflow.MlflowClient()
experiment = client.create_experiment("operators")
mlflow.set_experiment("operators")
ids: dict[str, str] = {}
rows = {
    "alpha": (0.1, "sgd", "Red", 1),
    "beta": (0.5, "adam", "green", 2),
    "gamma": (0.9, "AdamW", "blue", 3),
}
for place, (name, (score, optimizer, colour, size)) in enumerate(rows.items()):
    run = client.create_run(experiment, start_time=1_000 * (place + 1), run_name=name)
    ids[run.info.run_id] = name
    client.log_metric(run.info.run_id, "score", score)
    client.log_metric(run.info.run_id, "val/odd name", size)
    client.log_param(run.info.run_id, "optimizer", optimizer)
    client.log_param(run.info.run_id, "size", size)
    client.set_tag(run.info.run_id, "colour", colour)
    client.set_terminated(
        run.info.run_id, status="FAILED" if name == "gamma" else "FINISHED", end_time=1_000 * (place + 2)
    )
    with mlflow.start_run(run_id=run.info.run_id):
        frame = pd.DataFrame({"x": [float(place)]})
        mlflow.log_input(mlflow.data.from_pandas(frame, name=f"data-{name}"), context="training")
client.set_terminated(next(id_ for id_, name in ids.items() if name == "gamma"), status="FAILED", end_time=5_000)
client.log_metric(next(iter(ids)), "only alpha", 1)

first, second, third = ids
CASES = {
    "": "alpha beta gamma",
    "metrics.score = 0.5": "beta",
    "metrics.score != 0.5": "alpha gamma",
    "metrics.score > 0.5": "gamma",
    "metrics.score >= 0.5": "beta gamma",
    "metrics.score < 0.5": "alpha",
    "metrics.score <= 0.5": "alpha beta",
    "metric.score > 0.5": "gamma",
    'metrics."val/odd name" = 2': "beta",
    "metrics.`val/odd name` = 2": "beta",
    "metrics.`only alpha` > 0": "alpha",
    "params.optimizer = 'adam'": "beta",
    "params.optimizer != 'adam'": "alpha gamma",
    "params.optimizer LIKE 'a%'": "beta",
    "params.optimizer ILIKE 'a%'": "beta gamma",
    "params.optimizer LIKE '_gd'": "alpha",
    "parameters.optimizer = 'sgd'": "alpha",
    "param.size = '3'": "gamma",
    "tags.colour = 'Red'": "alpha",
    "tags.colour != 'Red'": "beta gamma",
    "tags.colour LIKE '%e%'": "alpha beta gamma",
    "tags.colour LIKE 'r%'": "",
    "tags.colour ILIKE 'r%'": "alpha",
    "tag.colour = 'blue'": "gamma",
    "attributes.status = 'FINISHED'": "alpha beta",
    "attribute.status != 'FINISHED'": "gamma",
    "status = 'FAILED'": "gamma",
    "attributes.run_name = 'beta'": "beta",
    "run_name LIKE '%a'": "alpha beta gamma",
    "attributes.`Run name` ILIKE 'BET_'": "beta",
    "attributes.start_time > 1000": "beta gamma",
    "attributes.start_time = 2000": "beta",
    "attributes.start_time <= 2000": "alpha beta",
    "attributes.start_time != 2000": "alpha gamma",
    "attributes.end_time = 5000": "gamma",
    "attributes.end_time > 5000": "alpha beta",
    f"attributes.run_id IN ('{first}', '{third}')": "alpha gamma",
    f"run_id NOT IN ('{first}')": "beta gamma",
    f"run_id = '{second}'": "beta",
    "attributes.artifact_uri LIKE 'mlflow-artifacts:%'": "alpha beta gamma",
    "datasets.name = 'data-beta'": "beta",
    "dataset.name LIKE 'data-%'": "alpha beta gamma",
    "dataset.context = 'training'": "alpha beta gamma",
    "datasets.name IN ('data-alpha', 'data-gamma')": "alpha gamma",
    "metrics.score > 0.2 and params.optimizer = 'adam' AND tags.colour = 'green'": "beta",
    "metrics.score > 0.2 and metrics.score < 0.8": "beta",
    "metrics.never = 1": "",
    "params.never != 'x'": "",
    "tags.mlflow.runName = 'alpha'": "alpha",
    "tags.`mlflow.runName` = 'alpha'": "alpha",
}
faults = []
for text, expected in CASES.items():
    try:
        found = sorted(ids[run.info.run_id] for run in client.search_runs([experiment], text))
    except Exception as error:  # boundary: every case is reported, not the first one only
        faults.append((text, expected, repr(error)[:300]))
        continue
    if found != expected.split():
        faults.append((text, expected, " ".join(found)))

ORDERS = {
    "metrics.score": "alpha beta gamma",
    "metrics.score DESC": "gamma beta alpha",
    "params.optimizer ASC": "gamma beta alpha",
    "tags.colour DESC": "beta gamma alpha",
    "attributes.start_time ASC": "alpha beta gamma",
    "start_time DESC": "gamma beta alpha",
    "attributes.run_name DESC": "gamma beta alpha",
    "metrics.`only alpha` DESC": "alpha",
    "status": "gamma",
}
for term, expected in ORDERS.items():
    try:
        found = [ids[run.info.run_id] for run in client.search_runs([experiment], order_by=[term])]
    except Exception as error:  # boundary: as above
        faults.append((term, expected, repr(error)[:300]))
        continue
    if found[: len(expected.split())] != expected.split():
        faults.append((term, expected, " ".join(found)))
assert not faults, "\n".join(map(str, faults))
print("done")
