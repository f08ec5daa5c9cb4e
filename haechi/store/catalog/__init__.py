"""The catalog: what a node knows beside its events. One SQL schema on SQLite (default) and PostgreSQL.

`engine.open_engine` opens it; every other function takes a `sqlalchemy.Connection`. Write inside `engine.begin()`,
read inside `engine.connect()`: on SQLite the first takes the write lock at once, the second never waits for it.
"""
