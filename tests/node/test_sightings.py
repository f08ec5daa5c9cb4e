"""Sightings against what the test put in, counted by hand and by a slow, obvious judge of what counts."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from haechi.model.errors import UsageError
from haechi.model.indicator import Verdict
from haechi.model.marking import Tlp
from haechi.node.home import Home
from haechi.node.sightings import BY, Wanted, columns, opened
from haechi.store.catalog.indicator_changes import add_verdict, expire
from haechi.store.catalog.indicators import assertions_of, find

FAB, GRID, NOBODY = "192.0.2.7", "198.51.100.7", "8.8.8.8"


@pytest.fixture(scope="module")
def node(node_of: Any) -> Iterator[Any]:
    node = node_of()
    begin = node.now - 5 * node.hour
    node.clock.at = node.now - 100 * node.hour
    node.knows("cert", "203.0.113.1", actors=["Lazarus"], marking=Tlp.AMBER)
    node.knows("isac", "203.0.113.1", actors=["Kimsuky"], marking=Tlp.RED, valid_until=begin + node.hour + 1)
    node.knows("cert", "evil.example", actors=["Kimsuky", "Lazarus"], marking=Tlp.GREEN)
    node.knows("cert", "203.0.113.3", actors=["Lazarus"])
    node.knows("cert", "203.0.113.4")
    node.clock.at = node.now
    lines = [
        node.line(begin, "203.0.113.1", FAB),  # both sources count
        node.line(begin + node.hour, "203.0.113.1", GRID),  # the last moment at which that counts
        node.line(begin + node.hour + 1, "203.0.113.1", FAB),  # only cert's
        node.line(begin + 2 * node.hour, "10.0.0.1", FAB, event_type="dns", dns={"rrname": "a.evil.example"}),
        node.line(begin + 3 * node.hour, "203.0.113.3", GRID),  # its assertion goes later
        node.line(begin + 3 * node.hour, "203.0.113.4", NOBODY),  # judged a false positive later
        node.line(begin + 4 * node.hour, "203.0.113.99", FAB),  # unknown
    ]
    done = node.reads(node.log(lines))
    assert (done.events, done.sightings, done.quarantined) == (7, 6, 0)
    node.clock.at = node.now + node.hour
    node.knows("late", "203.0.113.3", actors=["APT41"])  # known only after it was matched
    with node.home.catalog().begin() as conn:
        gone, wrong = find(conn, "203.0.113.3")[0], find(conn, "203.0.113.4")[0]
        expire(conn, gone.id, at=node.clock.at, why="test", source="cert")
        add_verdict(conn, Verdict(value_id=wrong.id, verdict="false-positive", at=node.clock.at, by="me", evidence=""))
    yield node
    node.home.close()


def rows(home: Home, **wanted: Any) -> list[dict[str, Any]]:
    with opened(home, Wanted(**wanted)) as found:
        listed = list(found.rows())
        assert found.count() == len(listed)
        return listed


def groups(home: Home, by: str, **wanted: Any) -> list[tuple[Any, ...]]:
    with opened(home, Wanted(**wanted)) as found:
        made = found.groups(by)
    assert all(tuple(group) == columns(by) for group in made)
    keys = ["country", *(name for name, _ in BY[by] if name != "indicator_id"), "sightings", "no_longer_asserted"]
    return [tuple(group[key] for key in keys) for group in made]


def test_newest_first_with_names_joined(node: Any) -> None:
    listed = rows(node.home)
    assert [(r["value"], r["party"]) for r in listed] == [
        ("203.0.113.4", None),
        ("a.evil.example", "Fab"),
        ("203.0.113.1", "Fab"),
        ("203.0.113.1", "Grid"),
        ("203.0.113.1", "Fab"),
    ]
    dns = listed[1]
    assert tuple(dns) == columns()
    assert (dns["field"], dns["indicator"], dns["indicator_type"]) == ("domain", "evil.example", "domain")
    assert (dns["actors"], dns["marking"], dns["sources"]) == (["Kimsuky", "Lazarus"], "TLP:GREEN", 1)
    assert (dns["country"], dns["sector"], dns["sensor"], dns["observer"]) == (
        "TW",
        "semiconductor",
        "edge",
        "TWCERT/CC",
    )
    assert (dns["time"], dns["matched_at"]) == (node.now - 3 * node.hour, node.now)
    assert dns["id"] == dns["event"].replace("event", "sighting") + f"-{dns['indicator_id']}"


def test_what_counts_is_what_was_valid_then(node: Any) -> None:
    then = [(r["sources"], r["marking"], r["actors"]) for r in rows(node.home, value="203.0.113.1")]
    assert then == [
        (1, "TLP:AMBER", ["Lazarus"]),
        (2, "TLP:RED", ["Kimsuky", "Lazarus"]),
        (2, "TLP:RED", ["Kimsuky", "Lazarus"]),
    ]


def test_the_same_as_asking_each_sighting_alone(node: Any) -> None:
    with node.home.catalog().connect() as conn:
        for row in rows(node.home, asserted=None):
            ever = assertions_of(conn, [row["indicator_id"]])
            counting = [
                one
                for one in ever
                if one.known_at <= row["matched_at"]
                and one.gone_at is None
                and (one.valid_from is None or one.valid_from <= row["time"])
                and (one.valid_until is None or row["time"] < one.valid_until)
            ]
            assert row["asserted"] == bool(counting)
            assert row["sources"] == len({one.source for one in counting})
            assert row["actors"] == sorted({actor for one in counting for actor in one.context.actors})
            assert row["marking"] == max(one.marking for one in counting or ever).label, (
                "what bound us once binds us still"
            )


def test_what_nobody_asserts_any_more_stands_apart(node: Any) -> None:
    gone = rows(node.home, asserted=False)
    assert [(r["value"], r["actors"], r["marking"], r["asserted"]) for r in gone] == [
        ("203.0.113.3", [], "TLP:AMBER+STRICT", False)
    ]
    with opened(node.home, Wanted()) as found:
        scopes = {s.country: (s.sightings, s.no_longer_asserted) for s in found.scopes()}
    assert scopes == {"": (1, 0), "KR": (1, 1), "TW": (3, 0)}


def test_a_false_positive_is_told(node: Any) -> None:
    assert [r["false_positive"] for r in rows(node.home, value="203.0.113.*")] == [True, False, False, False]


def test_countries_are_never_summed(node: Any) -> None:
    assert groups(node.home, "country") == [("", 1, 0), ("KR", 1, 1), ("TW", 3, 0)]
    assert groups(node.home, "field") == [
        ("", "src_addr", 1, 0), ("KR", "src_addr", 1, 1), ("TW", "src_addr", 2, 0), ("TW", "domain", 1, 0),
    ]  # fmt: skip


def test_by_actor_asks_for_the_time_of_the_event(node: Any) -> None:
    assert groups(node.home, "actor") == [
        ("", "", 1, 0),
        ("KR", "Kimsuky", 1, 0),
        ("KR", "Lazarus", 1, 0),
        ("KR", "", 0, 1),
        ("TW", "Lazarus", 3, 0),
        ("TW", "Kimsuky", 2, 0),
    ]


def test_other_groups(node: Any) -> None:
    assert groups(node.home, "sector", country="tw") == [("TW", "semiconductor", 3, 0)]
    assert groups(node.home, "party", country="KR") == [("KR", "Grid", "energy", 1, 1)]
    assert groups(node.home, "type", party="Fab") == [("TW", "ipv4", 2, 0), ("TW", "domain", 1, 0)]
    assert groups(node.home, "indicator", sector="high-tech") == [
        ("TW", "203.0.113.1", "ipv4", 2, 0), ("TW", "evil.example", "domain", 1, 0),
    ]  # fmt: skip
    assert groups(node.home, "sensor", sensor="edge", country="-") == [("", "edge", 1, 0)]
    first_day = node.now // (24 * node.hour) * 24 * node.hour
    assert groups(node.home, "day", country="TW") == [("TW", first_day, 3, 0)]


def test_hours_stand_in_order(node: Any) -> None:
    by_hour = groups(node.home, "hour", country="TW")
    assert [hour % node.hour for _, hour, *_ in by_hour] == [0] * 3
    assert [hour for _, hour, *_ in by_hour] == sorted(hour for _, hour, *_ in by_hour)
    told = Counter(r["time"] // node.hour * node.hour for r in rows(node.home, country="TW"))
    assert {hour: n for _, hour, n, _ in by_hour} == dict(told)


def test_every_figure_says_its_span(node: Any) -> None:
    with opened(node.home, Wanted(country="TW")) as found:
        group = found.groups("country")[0]
    assert (group["first"], group["last"]) == (node.now - 5 * node.hour, node.now - 3 * node.hour)
    assert (group["events"], group["indicators"]) == (3, 2)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"actor": "kimsuky"}, 3),
        ({"value": "*.EVIL.example"}, 1),
        ({"value": "evil.example"}, 1),
        ({"value": "203.0.113.?"}, 0),
        ({"type": "ipv4"}, 4),
        ({"country": "kr", "asserted": None}, 2),
        ({"sector": "high-tech"}, 3),
        ({"sector": "water"}, 0),
    ],
)
def test_filters(node: Any, wanted: dict[str, Any], count: int) -> None:
    assert len(rows(node.home, **wanted)) == count


def test_what_one_source_alone_explains(node: Any) -> None:
    only = rows(node.home, only_by="cert")
    assert all(row["sources"] == 1 for row in only)
    assert [row["value"] for row in only] == ["203.0.113.4", "a.evil.example", "203.0.113.1"]
    assert rows(node.home, only_by="isac") == []
    with pytest.raises(UsageError, match=r"no source 'nobody'.*cert"):
        rows(node.home, only_by="nobody")


def test_the_span_takes_its_beginning_in_and_its_end_out(node: Any) -> None:
    begin = node.now - 5 * node.hour
    assert len(rows(node.home, since=begin, until=begin + node.hour)) == 1
    assert len(rows(node.home, since=begin, until=begin + node.hour + 1)) == 2


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"sector": "nix"}, "no sector 'nix'. One of: government"),
        ({"type": "nix"}, "no type 'nix'. One of: ipv4"),
        ({"country": "Taiwan"}, "'Taiwan' is no country"),
        ({"country": "ZZ"}, "'ZZ' is no country"),
        ({"party": "nix"}, "no party 'nix'"),
        ({"sensor": "nix"}, "no sensor 'nix'. Sensors: edge"),
        ({"since": 5, "until": 5}, "the span ends before it begins"),
    ],
)
def test_an_unknown_name_is_refused(node: Any, wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refused, opened(node.home, Wanted(**wanted)):
        pass
    assert said in str(refused.value)


def test_an_unknown_key_is_refused(node: Any) -> None:
    with opened(node.home, Wanted()) as found, pytest.raises(UsageError, match="One of|one of"):
        found.groups("nix")


def test_where_each_value_was_seen(node: Any) -> None:
    with node.home.catalog().connect() as conn:
        value = find(conn, "203.0.113.1")[0]
    with opened(node.home, Wanted(value_ids=[value.id, 999_999], asserted=None)) as found:
        seen = found.by_value()
    assert {id: [(s.country, s.sightings) for s in scopes] for id, scopes in seen.items()} == {
        value.id: [("KR", 1), ("TW", 2)]
    }


def test_a_new_node_has_none(node_of: Any) -> None:
    home = node_of().home
    assert rows(home) == []
    assert [groups(home, by) for by in BY] == [[]] * len(BY)
    home.close()
