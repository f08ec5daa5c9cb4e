"""Nonces of signed requests: each counts once, also when two processes are asked at the same moment.

A nonce is kept while a signature that carries it could still be accepted; on disk before the request is looked at, so
that not even a crash lets a request count twice.
"""

from sqlalchemy import Engine, text


def seen(engine: Engine, key_id: str, nonce: str, until: int, *, now: int) -> bool:
    """Whether this key's nonce was there before; if not it is kept, durably, until that time (microseconds UTC).

    What has run out by `now` is swept along.
    """
    with engine.begin() as conn:
        conn.execute(text("DELETE FROM nonce WHERE expires < :now"), {"now": now})
        added = conn.execute(
            text(
                "INSERT INTO nonce (key_id, nonce, expires) VALUES (:key, :nonce, :until)"
                " ON CONFLICT (key_id, nonce) DO NOTHING"
            ),
            {"key": key_id, "nonce": nonce, "until": until},
        )
        return added.rowcount == 0
