"""The first schema."""

from alembic import op

from haechi.store.catalog.engine import all_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    all_tables().create_all(op.get_bind())
