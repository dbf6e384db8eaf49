"""Alembic's entry: migrates on the connection that `mlwright.ledger.migrate` hands over."""

from alembic import context

from mlwright.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
