"""Everything known about one thing: a value as typed or pasted, or any id that Haechi prints.

Ids: `value:17`, `event--3-4096` (input and offset), `sighting--3-4096-17`, `quarantine--3-4096`, a party's UUID or STIX id, a source's own object id (STIX, MISP).
"""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection, text

from haechi.formats import quick
from haechi.model.errors import BadInput, NotFound
from haechi.model.indicator import Assertion, Value, ValueType, Verdict
from haechi.model.party import Party
from haechi.node.home import Home
from haechi.store.catalog import indicator_changes, indicators, parties

_RECORD: Final = re.compile(r"(event|sighting|quarantine)--[0-9-]+")
_VALUE: Final = re.compile(r"value(?::|--)?\s?([0-9]{1,18})")
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_OBJECT: Final = re.compile(rf"(?:([a-z0-9-]+)--)?({_UUID})")


class Sightings(msgspec.Struct, frozen=True, kw_only=True):
    """What our own logs showed of a value. Times in microseconds UTC."""

    count: int
    first: int | None = None
    last: int | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """All about one value. A value that no source named has no `value`, only what the warning lists say of it."""

    asked: str
    type: str
    text: str
    value: Value | None = None
    assertions: tuple[Assertion, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    confirmed_at: int | None = None
    covers: bool = False  # not what was asked, but a net, domain or host that what was asked lies in: it matches too
    kept_out: tuple[str, ...] = ()  # warning lists that keep it out of matching
    shown: tuple[str, ...] = ()  # warning lists that it is on and matched all the same
    sightings: Sightings = Sightings(count=0)


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """What an id or value means: values, or a party, or an event, sighting or refused record with all there is of it."""

    asked: str
    values: tuple[Known, ...] = ()
    party: Party | None = None
    record: dict[str, Any] | None = None


def lookup(home: Home, asked: str) -> Thing:
    """What is known. Raises `NotFound` for an id of nothing, `BadInput` for a text that is neither id nor value."""
    if named := _RECORD.fullmatch(asked.strip()):
        return Thing(asked=asked, record=_record(home, asked.strip(), named[1]))
    with home.catalog().connect() as conn:
        return _by_id(conn, home.lake_path, asked) or Thing(asked=asked, values=_values(conn, home.lake_path, asked))


def _by_id(conn: Connection, lake: Path, asked: str) -> Thing | None:
    number = _VALUE.fullmatch(asked.strip())
    if number:
        found = indicators.values(conn, [int(number[1])])
        if not found:
            raise NotFound(f"no value {number[1]}")
        return Thing(asked=asked, values=tuple(_known(conn, lake, asked, value) for value in found.values()))
    named = _OBJECT.fullmatch(asked.strip().lower())
    if not named:
        return None
    if named[1] in (None, "identity"):
        try:
            return Thing(asked=asked, party=parties.by_uuid(conn, named[2]))
        except NotFound:
            if named[1]:
                raise
    values = _of_object(conn, asked.strip())
    if not values:
        raise NotFound(f"nothing here has the id {asked}")
    return Thing(asked=asked, values=tuple(_known(conn, lake, asked, value) for value in values))


def _of_object(conn: Connection, object_id: str) -> list[Value]:
    rows = conn.execute(
        text(
            "SELECT DISTINCT a.value_id FROM assertion a JOIN object o ON o.id = a.object_id"
            " WHERE o.object_id = :id ORDER BY 1 LIMIT 1000"
        ),
        {"id": object_id},
    )
    return list(indicators.values(conn, [row[0] for row in rows]).values())


def _values(conn: Connection, lake: Path, asked: str) -> tuple[Known, ...]:
    kind, normal = quick.value(asked, None)
    found = [_known(conn, lake, asked, value) for value in indicators.find(conn, normal)]
    wider = [value for within, name in covering(kind, normal) for value in indicators.find(conn, name, within)]
    found += [msgspec.structs.replace(_known(conn, lake, asked, value), covers=True) for value in wider]
    return tuple(found) or (_with_lists(Known(asked=asked, type=kind.value, text=normal)),)


def covering(kind: ValueType, normal: str) -> Iterator[tuple[ValueType, str]]:
    """The wider values that match whatever this one matches: parent domains, nets, the host of a URL or mail address.

    >>> [text for _, text in covering(ValueType.URL, "http://a.evil.example/x")]
    ['a.evil.example', 'evil.example', 'example']
    >>> list(covering(ValueType.IPV4, "192.0.2.1"))[0]
    (<ValueType.IPV4_NET: 'ipv4-net'>, '192.0.2.0/31')
    """
    if kind in (ValueType.IPV4, ValueType.IPV6):
        address = ipaddress.ip_address(normal)
        net_kind = ValueType.IPV4_NET if kind is ValueType.IPV4 else ValueType.IPV6_NET
        for prefix in range(address.max_prefixlen - 1, 7, -1):
            yield net_kind, str(ipaddress.ip_network((address, prefix), strict=False))
        return
    host = ""
    if kind is ValueType.DOMAIN:
        host = normal.partition(".")[2]
    elif kind is ValueType.EMAIL:
        host = normal.rpartition("@")[2]
    elif kind is ValueType.URL:
        host = urlsplit(normal).hostname or ""
    while host:
        yield ValueType.DOMAIN, host
        host = host.partition(".")[2]


def _known(conn: Connection, lake: Path, asked: str, value: Value) -> Known:
    judged = indicator_changes.verdicts(conn, value.id)
    confirmed = [verdict.at for verdict in judged if verdict.verdict == indicator_changes.CONFIRMED]
    return _with_lists(
        Known(
            asked=asked,
            type=value.type.value,
            text=value.text,
            value=value,
            assertions=tuple(indicators.assertions_of(conn, [value.id])),
            verdicts=tuple(judged),
            confirmed_at=min(confirmed, default=None),
            kept_out=tuple(indicator_changes.warnings(conn, value.id)),
            sightings=_sightings(lake, value.id),
        )
    )


def _with_lists(known: Known) -> Known:
    """With what the warning lists say now; those that keep a stored value out were looked up at import."""
    from haechi.detect.warninglist import WarningLists

    lists, kind = WarningLists(), ValueType(known.type)
    shown = tuple(dict.fromkeys(hit.list for hit in lists.shown(kind, [known.text])))
    if known.value is not None:
        return msgspec.structs.replace(known, shown=shown)
    kept_out = tuple(dict.fromkeys(hit.list for hit in lists.suppressing(kind, [known.text])))
    return msgspec.structs.replace(known, shown=shown, kept_out=kept_out)


def _sightings(lake: Path, value_id: int) -> Sightings:
    if not (lake / "_delta_log").is_dir():
        return Sightings(count=0)
    from haechi.store.lake import Lake

    opened = Lake(lake)
    if not opened.files("sighting"):
        return Sightings(count=0)
    row = opened.query(
        "SELECT count(*) AS n, epoch_us(min(ts)) AS first, epoch_us(max(coalesce(last_ts, ts))) AS last FROM sighting"
        " WHERE matcher = 'value' AND matcher_id = $id",
        {"id": value_id},
    ).to_pylist()[0]
    return Sightings(count=row["n"], first=row["first"], last=row["last"])


def _record(home: Home, asked: str, kind: str) -> dict[str, Any]:
    if kind == "quarantine":
        from haechi.node import quarantine

        return quarantine.record(home, quarantine.parse(asked))
    from haechi.node import events

    return events.open_id(home, asked)


def lookup_all(home: Home, asked: list[str]) -> list[Thing | BadInput | NotFound]:
    """As `lookup` for each, an error in its place."""
    found: list[Thing | BadInput | NotFound] = []
    for one in asked:
        try:
            found.append(lookup(home, one))
        except (BadInput, NotFound) as error:
            found.append(error)
    return found
