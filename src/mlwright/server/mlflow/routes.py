"""All routes of the MLflow-compatible API, and the nouns of MLflow that mlwright doesn't serve yet."""

from __future__ import annotations

from mlwright.server.mlflow.route import AnyRoute

#: Beginnings of paths that MLflow's clients know and that are refused with NOT_IMPLEMENTED, and what they are for.
LATER: dict[str, str] = {
    "/mlflow/traces": "traces of GenAI applications",
    "/mlflow/unified-traces": "traces of GenAI applications",
    "/mlflow/get-online-trace-details": "traces of GenAI applications",
    "/mlflow/workspaces": "workspaces",
    "/mlflow/issues": "issues of GenAI applications",
    "/mlflow/label-schemas": "labelling of traces",
    "/mlflow/review-queues": "labelling of traces",
    "/mlflow/datasets": "evaluation datasets of GenAI applications",
    "/mlflow/scorers": "scorers of GenAI applications",
    "/mlflow/gateway": "the gateway to language models",
    "/mlflow/gateway-proxy": "the gateway to language models",
    "/mlflow/prompt-optimization": "optimization of prompts",
    "/mlflow/assistant": "the assistant",
    "/mlflow/jobs": "jobs of GenAI applications",
    "/mlflow/mcp-servers": "the registry of MCP servers",
    "/mlflow/runs/create-promptlab-run": "runs of the prompt laboratory",
}


def all_routes() -> tuple[AnyRoute, ...]:
    """Return every route that is served."""
    from mlwright.server.mlflow import (
        about,
        artifacts,
        experiments,
        history,
        inputs,
        logged_model_search,
        logged_models,
        logging,
        model_versions,
        registry,
        registry_search,
        runs,
        search,
        uploads,
        webhooks,
    )

    tracking = (about, experiments, runs, logging, history, inputs, search)
    models = (
        artifacts,
        uploads,
        logged_models,
        logged_model_search,
        registry,
        model_versions,
        registry_search,
        webhooks,
    )
    parts = (*tracking, *models)
    return tuple(route for part in parts for route in part.ROUTES)


def later(path: str) -> str | None:
    """Return what a path that isn't served yet is for, None when MLflow doesn't know it either."""
    for beginning, what in LATER.items():
        if path == beginning or path.startswith(f"{beginning}/"):
            return what
    return None
