"""Every mistake gets MLflow's own error code."""

from __future__ import annotations

from mlflow.exceptions import MlflowException

import mlflow

client = mlflow.MlflowClient()


def refused(code: str, function, *arguments, **named) -> None:
    """Call a function that must be refused with an error code."""
    said = "nothing"
    try:
        function(*arguments, **named)
    except MlflowException as error:
        said = error.error_code
    assert said == code, (function, arguments, said)


BAD = "INVALID_PARAMETER_VALUE"
GONE = "RESOURCE_DOES_NOT_EXIST"

client.create_experiment("taken")
refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, "taken")
refused(BAD, client.create_experiment, "x" * 501)
refused(BAD, client.create_experiment, "there", artifact_location="runs:/1/x")
refused(GONE, client.get_experiment, "12345")
refused(BAD, client.get_experiment, "not a number")
refused(GONE, client.delete_experiment, "12345")
refused(GONE, client.get_run, "0123456789abcdef0123456789abcdef")
refused(GONE, client.create_run, "12345")
run_id = client.create_run("0").info.run_id
client.log_param(run_id, "p", 1)
client.log_param(run_id, "p", 1)
refused(BAD, client.log_param, run_id, "p", 2)
refused(BAD, client.log_metric, run_id, "../up", 1.0)
refused(BAD, client.log_metric, run_id, "k" * 251, 1.0)
refused(BAD, client.set_tag, run_id, "/root", "1")
refused(GONE, client.delete_tag, run_id, "none")
refused(BAD, client.search_runs, ["0"], "metrics.a ! 3")
refused(BAD, client.search_runs, ["0"], "params.a > 3")
refused(BAD, client.search_runs, ["0"], "metrics.a > 1 OR metrics.b > 1")
refused(BAD, client.search_runs, ["0"], "", max_results=60_000)
refused(BAD, client.search_runs, ["0"], "", page_token="nonsense")
refused(BAD, client.search_runs, ["0"], "", order_by=["loss"])
refused(BAD, client.search_experiments, filter_string="nope = 1")
client.delete_run(run_id)
refused(BAD, client.log_metric, run_id, "k", 1.0)
refused(BAD, client.log_param, run_id, "q", 1.0)
refused(BAD, client.set_tag, run_id, "k", 1.0)
refused(BAD, client.set_terminated, run_id)
gone = client.create_experiment("gone")
client.delete_experiment(gone)
refused(BAD, client.create_run, gone)
refused(GONE, client.delete_experiment, gone)
refused("NOT_IMPLEMENTED", client.search_traces, locations=["0"])
print("done")
