from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from haechi.model.release import Relation
from haechi.store.catalog import ledger, recipients, slices
from haechi.store.catalog.engine import open_engine, sqlite_url
from haechi.store.catalog.ledger import Outgoing, Taken
from haechi.store.catalog.slices import Entry, Place, Wanted

NOW = 1_800_000_000_000_000
TYPES = ("indicator", "malware", "report")


def outgoing(number: int, version: int, collection: str = "indicators") -> Outgoing:
    kind = TYPES[number % 3]
    id = f"{kind}--{UUID(int=number)}"
    body = f'{{"id":"{id}","spec_version":"2.1","v":{version}}}'.encode()
    return Outgoing(collection, id, kind, version, body, number, 0, "")


def place_of(conn: Any, name: str = "indicators") -> Place:
    added = recipients.add(
        conn, uuid=str(uuid4()), name="A", country="TW", kind="peer", relation=Relation.COMMUNITY, now=1
    )
    found = {one.name: one.id for one in recipients.collections(conn, added.id)}
    return Place(recipient_id=added.id, collection_id=found[name])


def walk(conn: Any, place: Place, wanted: Wanted, limit: int) -> list[bytes]:
    """All pages, one after the other, as a reader does: by place alone, and with the sequence beside it."""
    seen: list[list[bytes]] = []
    for with_seq in (False, True):
        found: list[bytes] = []
        after, seq, more = 0, 0, True
        while more:
            at = Place(
                recipient_id=place.recipient_id,
                collection_id=place.collection_id,
                after=after,
                limit=limit,
                seq=seq if with_seq else None,
            )
            page = slices.page(conn, at, wanted)
            found += page.bodies.replace(b"},{", b"}\n{").split(b"\n") if page.bodies else []
            after, seq, more = page.last, page.seq, page.more
            assert page.objects <= limit
            assert not more or page.objects
        seen.append(found)
    assert seen[0] == seen[1]
    return seen[0]


actions = st.lists(
    st.tuples(st.sampled_from(["release", "release", "release", "withdraw", "sighting"]), st.integers(0, 8)),
    max_size=40,
)


@settings(max_examples=60)
@given(
    steps=actions,
    limit=st.integers(1, 5),
    types=st.sets(st.sampled_from(TYPES)),
    numbers=st.sets(st.integers(0, 9), max_size=3),
    versions=st.sampled_from(["last", "first", "all", "exact"]),
)
def test_all_pages_together_are_what_is_there(
    hypothesis_engine: Engine,
    steps: list[tuple[str, int]],
    limit: int,
    types: set[str],
    numbers: set[int],
    versions: str,
) -> None:
    """Against a list of rows that is filtered the slow way."""
    rows: list[dict[str, Any]] = []  # id, type, version, body, live, collection
    with hypothesis_engine.begin() as conn:
        place = place_of(conn)
        for step, (action, number) in enumerate(steps, 1):
            if action == "withdraw":
                live = [one for one in rows if one["number"] == number and one["live"]]
                if live:
                    ledger.write(conn, place.recipient_id, [], [Taken(live[0]["seq"], "")], now=NOW)
                    rows = [one | {"seq": one["seq"]} for one in rows if one["id"] != live[0]["id"]]
                continue
            collection = "sightings" if action == "sighting" else "indicators"
            one = outgoing(number + 100 * (action == "sighting"), step, collection)
            done = ledger.write(conn, place.recipient_id, [one], now=NOW)
            for row in rows:
                row["live"] = row["live"] and row["id"] != one.object_id
            rows.append(
                {"id": one.object_id, "type": one.type, "version": step, "body": one.body, "live": True,
                 "number": number, "seq": done.last_seq, "collection": collection}
            )  # fmt: skip
        exact = tuple(range(1, len(steps), 2))
        wanted = Wanted(
            ids=tuple(outgoing(number, 0).object_id for number in numbers),
            types=tuple(types),
            last=versions == "last",
            first=versions == "first",
            every=versions == "all",
            versions=exact if versions == "exact" else (),
        )
        expected = []
        for row in rows:
            of_id = [one["version"] for one in rows if one["id"] == row["id"]]
            if row["collection"] != "indicators" or (types and row["type"] not in types):
                continue
            if numbers and row["id"] not in wanted.ids:
                continue
            fits = {
                "last": row["live"],
                "first": row["version"] == min(of_id),
                "all": True,
                "exact": row["version"] in exact,
            }
            if fits[versions]:
                expected.append(row["body"])
        assert walk(conn, place, wanted, limit) == expected
        found, _ = slices.manifest(conn, place, wanted)
        assert [entry.object_id.encode() in body for entry, body in zip(found, expected, strict=False)] == [True] * min(
            len(expected), 100
        )


@pytest.fixture(scope="module")
def hypothesis_engine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One catalog for all examples: each has a recipient of its own."""
    opened = open_engine(sqlite_url(tmp_path_factory.mktemp("slices") / "catalog.sqlite"), create=True)
    yield opened
    opened.dispose()


def test_an_empty_slice(engine: Engine) -> None:
    with engine.begin() as conn:
        place = place_of(conn)
        assert slices.page(conn, place, Wanted()) == slices.Page(0, 0, 0, 0, b"", False)
        assert slices.manifest(conn, place, Wanted()) == ([], False)
        assert not slices.holds(conn, place, "indicator--x")


def test_a_page_far_apart_in_the_slice_is_found(engine: Engine) -> None:
    """What lies close together is joined by SQLite; what doesn't goes by the index, with the same answer."""
    with engine.begin() as conn:
        place = place_of(conn)
        some = [outgoing(n, 1) for n in range(2)]
        others = [outgoing(n, 1, "sightings") for n in range(100, 160)]
        ledger.write(conn, place.recipient_id, [some[0], *others, some[1]], now=NOW)
        found = slices.page(conn, Place(**{**as_dict(place), "seq": 0, "limit": 2}), Wanted())
        assert (found.objects, found.bodies, found.more) == (2, b",".join(one.body for one in some), False)
        assert (found.first, found.last, found.seq) == (NOW, NOW + 61, 62)


def as_dict(place: Place) -> dict[str, Any]:
    return msgspec.structs.asdict(place)


def test_a_body_that_is_too_large_to_be_joined(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MOST_BYTES", 100_000)
    with engine.begin() as conn:
        place = place_of(conn)
        large = [outgoing(n, 1)._replace(body=b'{"x":"' + b"y" * 60_000 + b'"}') for n in range(4)]
        ledger.write(conn, place.recipient_id, large, now=NOW)
        found = slices.page(conn, Place(**{**as_dict(place), "seq": 0, "limit": 3}), Wanted())
        assert (found.objects, found.more) == (1, True)
        rows, more = slices.released(conn, place, Wanted())
        assert (len(rows), more) == (1, True)


def test_the_manifest_tells_versions_and_dates(engine: Engine) -> None:
    with engine.begin() as conn:
        place = place_of(conn)
        ledger.write(conn, place.recipient_id, [outgoing(0, 7)], now=NOW)
        assert slices.manifest(conn, place, Wanted())[0] == [Entry(outgoing(0, 7).object_id, NOW, 7, "2.1", 1)]
        assert slices.holds(conn, place, outgoing(0, 7).object_id)
