"""The tracking and registry API that MLflow's clients speak, served beside mlwright's own.

`app.py` answers a request: it finds the route, decodes the request into the route's Struct and sends what its function
returns. `values.py` says how numbers, words and times travel; `errors.py` how faults do. Every other module has the
routes of one noun, in a tuple `ROUTES` that `routes.py` collects.

To add a route, write a Struct for the request (unknown fields are ignored, `required` texts are refused when they are
absent or empty), a function, and a row:

    ROUTES = (
        Route("POST", "/mlflow/registered-models/create", CreateModel, create_model),          # (project, request)
        Route("PATCH", "/mlflow/logged-models/{model_id}", FinalizeModel, finalize),           # path parts are fields
        Change("POST", "/mlflow/runs/log-metric", LogMetric, log_metric),                      # (tx, request)
        Stream("PUT", "/mlflow-artifacts/artifacts/{path:rest}", upload),                      # raw ASGI
    )

A path begins after `/api/2.0`, `/api/3.0`, `/ajax-api/2.0` or `/ajax-api/3.0`; one that begins with `//` begins at the
server's root (`//get-artifact`). A function of `Route` runs in a thread and opens its own transactions. A function of
`Change` is given a write transaction; changes that wait at the same moment share one commit, each in a savepoint of
its own. A function of `Stream` is a coroutine `(project, call, receive, send)`, where `call` has the path's parts, the
query and the headers; what it raises before its first `send` is answered as an error.

Errors are those of `mlwright.errors`; `errors.py` gives each family MLflow's code. A context `error_code=...`
overrides it.
"""
