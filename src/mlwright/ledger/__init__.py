"""The ledger: every fact, in one transactional store (SQLite or PostgreSQL), with its events in the same transaction.

`schema/` says what is stored, one file per aggregate. `store.py` opens a database and gives transactions. `outbox.py`
writes and reads events. `leases.py` gives one process at a time the right to act. The other modules are repositories,
one per aggregate: plain functions from a transaction to values.
"""

from sqlalchemy import Connection

from mlwright.ledger.store import Ledger, Transaction

__all__ = ["Connection", "Ledger", "Transaction"]
