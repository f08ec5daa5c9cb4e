"""Alembic's entry: runs the steps on the connection that `store.catalog.engine` hands over."""

from alembic import context

from haechi.store.catalog.engine import all_tables


def run() -> None:
    """Run the steps inside the caller's transaction."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=all_tables(), render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "env_py":  # the name under which Alembic loads this file
    run()
