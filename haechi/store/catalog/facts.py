"""Small facts that the catalog keeps by name."""

from sqlalchemy import Connection, text


def get(conn: Connection, name: str) -> str:
    """The text kept under a name; "" if there is none."""
    found = conn.execute(text("SELECT text FROM fact WHERE name = :name"), {"name": name}).scalar()
    return str(found or "")


def put(conn: Connection, name: str, value: str) -> None:
    """Keep a text under a name."""
    conn.execute(
        text("INSERT INTO fact (name, text) VALUES (:name, :text) ON CONFLICT (name) DO UPDATE SET text = :text"),
        {"name": name, "text": value},
    )
