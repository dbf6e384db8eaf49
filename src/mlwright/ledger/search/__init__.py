"""Searching what the ledger has, by the language of `mlwright.core.filters`."""

from mlwright.ledger.search.runs import RunPage, RunQuery, runs_of, search_run_ids, search_runs

__all__ = ["RunPage", "RunQuery", "runs_of", "search_run_ids", "search_runs"]
