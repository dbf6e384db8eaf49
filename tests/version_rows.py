"""Versions of models as they lie in the ledger, without files: what many tests need one of and few are about."""

from __future__ import annotations

from typing import Any

from mlwright.ledger.registry import VersionRow
from mlwright.ledger.store import Transaction


def version_row(tx: Transaction, model: str, version: int, **facts: Any) -> VersionRow:
    """Return a version by the transaction's actor, of its moment; `facts` replace what else it would hold."""
    plain: dict[str, Any] = {
        "digest": f"sha256:{version:064d}",
        "flavour": "sklearn",
        "codec": "skops",
        "unsafe": False,
        "signature": {"inputs": [], "outputs": []},
        "metrics": {},
        "profile_digest": None,
        "lineage": {},
        "description": "",
        "run_id": None,
        "idempotency_key": None,
        "actor": tx.actor,
        "created_at": tx.now,
    }
    return VersionRow(model=model, version=version, **{**plain, **facts})
