"""Applying what a peer withdrew: delete, leave no trace, and say what can't be taken back (DATA-MODEL.md, 5)."""

from collections.abc import Mapping, Sequence

from haechi.exchange import confirmation, wire
from haechi.node.home import Home
from haechi.store.catalog import deletion, received, submissions
from haechi.store.catalog.deletion import Deleted
from haechi.store.catalog.recipients import RecipientRow
from haechi.store.catalog.scrub import scrub


def apply(home: Home, peer: RecipientRow, withdrawals: Sequence[wire.Withdrawn]) -> Mapping[str, int]:
    """Delete what these withdrawals take back; all of it is gone from the home when this returns.

    Returns what can't be taken back, by `exchange.confirmation`'s codes. Applied twice it changes nothing. Raises
    `NodeCannot` where something keeps the database's log from being cut: then nothing may be confirmed yet.
    """
    from haechi.node import matching  # with a compiler behind it, and most syncs withdraw nothing

    done = _delete(home, peer, withdrawals)
    whole = scrub(home.catalog())
    if (home.cache_path / matching.FILE).exists():  # it holds the values themselves
        matching.current_index(home)
    found = {
        confirmation.BACKUPS: 1,  # we don't know of any, nor that there is none
        confirmation.OWN: done.own,
        confirmation.PASSED_ON: done.passed_on,
        confirmation.NAMED: done.named,
        confirmation.DATABASE: int(not whole),
    }
    return {code: count for code, count in found.items() if count}


def _delete(home: Home, peer: RecipientRow, withdrawals: Sequence[wire.Withdrawn]) -> Deleted:
    log = home.audit()
    with home.catalog().begin() as conn:
        source, _ = submissions.source(conn, peer)
        named = received.objects(conn, peer.id, [seq for one in withdrawals for seq in one.of])
        wanted = list(dict.fromkeys(named.values()))
        last = {named[seq]: one.seq for one in withdrawals for seq in one.of if seq in named}
        anew = {id for id, seq in last.items() if received.later(conn, peer.id, [id], after=seq)}
        gone = [id for id in wanted if id not in anew]
        done = deletion.delete(conn, source, gone, seen=lambda ids: _seen(home, ids), now=home.clock.now())
        older = deletion.outdated(conn, source, sorted(anew), seen=lambda ids: _seen(home, ids))
        done.values, done.own = done.values + older.values, done.own + older.own
        for id in wanted:
            received.forget(conn, peer.id, [id], upto=last[id])
        details = {
            "withdrawals": len(withdrawals),
            "last": withdrawals[-1].seq,
            "objects": done.objects,
            "values": done.values,
            "own": done.own,
            "passed_on": done.passed_on,
        }
        log.append("withdrawal.applied", subject=peer.uuid, details=details)
    return done


def _seen(home: Home, value_ids: Sequence[int]) -> set[int]:
    """Which of these values a sighting of our own lake holds."""
    import pyarrow as pa

    from haechi.store.lake import Lake

    with Lake(home.lake_path).connect() as connection:
        connection.register("wanted", pa.table({"id": pa.array(list(value_ids), pa.int64())}))
        rows = connection.sql(
            "select distinct matcher_id from sighting where matcher = 'value' and matcher_id in (select id from wanted)"
        ).fetchall()
    return {int(row[0]) for row in rows}
