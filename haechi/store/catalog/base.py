"""The one `MetaData` of the catalog's tables, with names for every constraint so that migrations can speak of them.

A change of a table needs its step: `python -m haechi.store.catalog.migrations.write NUMBER "What it does"`.
"""

from sqlalchemy import BigInteger, Connection, Integer, MetaData, Table, text

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# A 64-bit key. SQLite gives rowids only to a column typed INTEGER (64 bits there too).
ID = BigInteger().with_variant(Integer(), "sqlite")


def lock_to_write(conn: Connection, table: Table) -> None:
    """Until the transaction ends, let no other one write this table, so that what was looked up stays true.

    Readers go on. On SQLite `engine.begin()` holds the one write lock already.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))
