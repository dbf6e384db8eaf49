"""All endpoints, by name."""

from __future__ import annotations

from functools import cache

from mlwright.api import (
    alerts,
    approvals,
    artifacts,
    bin,
    cards,
    clock,
    compare,
    deployments,
    events,
    experiments,
    gates,
    health,
    journals,
    model_history,
    models,
    monitors,
    noun_search,
    promotions,
    rollouts,
    run_changes,
    runs,
    search,
    sweeps,
    systems,
    webhooks,
)
from mlwright.api.endpoint import Endpoint
from mlwright.errors import NotFound, did_you_mean

ENDPOINTS: tuple[Endpoint, ...] = (
    *health.ENDPOINTS,
    *runs.ENDPOINTS,
    *search.ENDPOINTS,
    *noun_search.ENDPOINTS,
    *compare.ENDPOINTS,
    *sweeps.ENDPOINTS,
    *run_changes.ENDPOINTS,
    *bin.ENDPOINTS,
    *experiments.ENDPOINTS,
    *models.ENDPOINTS,
    *model_history.ENDPOINTS,
    *cards.ENDPOINTS,
    *promotions.ENDPOINTS,
    *approvals.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *gates.ENDPOINTS,
    *deployments.ENDPOINTS,
    *rollouts.ENDPOINTS,
    *monitors.ENDPOINTS,
    *alerts.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *journals.ENDPOINTS,
    *events.ENDPOINTS,
    *systems.ENDPOINTS,
    *clock.ENDPOINTS,
)


@cache
def by_name() -> dict[str, Endpoint]:
    """Return the table as a dictionary."""
    return {endpoint.name: endpoint for endpoint in ENDPOINTS}


def find(name: str) -> Endpoint:
    """Return the endpoint of this name.

    Raises:
        NotFound: There is none.
    """
    found = by_name().get(name)
    if found is None:
        raise NotFound(f"there is no endpoint '{name}'.", fix=did_you_mean(name, list(by_name())))
    return found
