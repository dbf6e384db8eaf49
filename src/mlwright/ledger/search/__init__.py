"""Searching what the ledger has, by the language of `mlwright.core.filters`."""

from mlwright.ledger.search.experiments import EXPERIMENTS
from mlwright.ledger.search.logged import Logged, Wanted, check_keys, experiment_ids, known_keys, logged_by
from mlwright.ledger.search.logged_models import LOGGED_MODELS
from mlwright.ledger.search.nouns import KeyPage, Noun, Query, by, search
from mlwright.ledger.search.registered import MODELS, VERSIONS
from mlwright.ledger.search.runs import RunPage, RunQuery, runs_of, search_run_ids, search_runs

__all__ = [
    "EXPERIMENTS",
    "LOGGED_MODELS",
    "MODELS",
    "VERSIONS",
    "KeyPage",
    "Logged",
    "Noun",
    "Query",
    "RunPage",
    "RunQuery",
    "Wanted",
    "by",
    "check_keys",
    "experiment_ids",
    "known_keys",
    "logged_by",
    "runs_of",
    "search",
    "search_run_ids",
    "search_runs",
]
