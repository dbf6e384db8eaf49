"""Twenty clients at once, on runs of their own and all on one, lose nothing."""

from __future__ import annotations

import threading

import mlflow

CLIENTS, STEPS = 20, 30
shared = mlflow.MlflowClient().create_run("0").info.run_id
runs: dict[int, str] = {}
faults: list[BaseException] = []


def work(number: int) -> None:
    try:
        client = mlflow.MlflowClient()
        run_id = client.create_run("0", run_name=f"client {number}").info.run_id
        runs[number] = run_id
        for step in range(STEPS):
            client.log_metric(run_id, "own", step * number, step=step)
            client.log_metric(shared, f"of {number % 4}", step, timestamp=1000 + step, step=step * CLIENTS + number)
        client.log_param(run_id, "number", number)
        client.set_tag(shared, f"seen {number}", "yes")
        client.set_terminated(run_id)
    except BaseException as error:  # boundary: a thread; the main one tells
        faults.append(error)


threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not faults, faults
client = mlflow.MlflowClient()
for number, run_id in runs.items():
    history = client.get_metric_history(run_id, "own")
    assert [point.value for point in history] == [step * number for step in range(STEPS)]
    assert client.get_run(run_id).info.status == "FINISHED"
for key in range(4):
    assert len(client.get_metric_history(shared, f"of {key}")) == CLIENTS // 4 * STEPS
assert len([tag for tag in client.get_run(shared).data.tags if tag.startswith("seen ")]) == CLIENTS
print("done")
