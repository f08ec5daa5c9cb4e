import base64
import json
from typing import Any

import pytest
from sqlalchemy import Engine, text

from haechi.exchange.caller import SIGNATURE
from haechi.exchange.taxii import server, times
from haechi.formats import stixout
from haechi.model.canonical import digest
from haechi.model.merkle import leaf_of
from haechi.store.catalog import ledger, recipients, slices
from haechi.store.catalog.ledger import Taken
from tests.exchange.taxii.shared import DAY, NOW, Site, an_id, body, outgoing, recipient

OBJECTS = "/haechi/collections/INDICATORS/objects/"
MANIFEST = "/haechi/collections/INDICATORS/manifest/"
INBOX = "/haechi/collections/INBOX/objects/"


@pytest.fixture
def site(engine: Engine) -> Site:
    return Site(engine)


def ids(envelope: Any) -> list[str]:
    return [one["id"] for one in envelope.get("objects", [])]


def test_the_way_from_discovery_to_the_objects(site: Site) -> None:
    site.release(outgoing(1), outgoing(2))
    assert site.read("/taxii2/")["api_roots"] == ["/haechi/"]
    assert site.read("/haechi/") == {
        "title": "Haechi of X",
        "versions": ["application/taxii+json;version=2.1"],
        "max_content_length": 10 << 20,
    }
    found = {one["alias"]: one for one in site.read("/haechi/collections/")["collections"]}
    assert (found["indicators"]["can_read"], found["indicators"]["can_write"]) == (True, False)
    assert (found["inbox"]["can_read"], found["inbox"]["can_write"]) == (False, True)
    one = site.read("/haechi/collections/INDICATORS/")
    assert one == found["indicators"]
    assert one["media_types"] == ["application/stix+json;version=2.1"]
    assert site.read("/haechi/collections/indicators/") == one  # TAXII 2.1, 5.2.1: an alias may stand for the id
    assert ids(site.read(OBJECTS)) == [an_id(1), an_id(2)]


def test_bodies_leave_byte_for_byte(site: Site) -> None:
    odd = outgoing(1)._replace(body=body(an_id(1), NOW, x_odd="\\u0000 가 🦄"))
    site.release(odd, outgoing(2))
    assert site.ask(OBJECTS).body == b'{"objects":[%b,%b],"more":false}' % (odd.body, outgoing(2).body)


def test_pages_neither_skip_nor_repeat_while_more_is_released(site: Site) -> None:
    site.release(*(outgoing(n) for n in range(1, 8)))
    seen, target = [], f"{OBJECTS}?limit=3"
    page = site.read(target)
    while True:
        seen += ids(page)
        if not page["more"]:
            break
        if len(seen) == 3:
            site.release(outgoing(2, version=2), outgoing(9))  # one moves to the end, one is new
        page = site.read(f"{target}&next={page['next']}")
    assert seen == [an_id(n) for n in (1, 2, 3, 4, 5, 6, 7, 2, 9)]


def test_the_last_page_says_so_also_where_it_is_full(site: Site) -> None:
    site.release(*(outgoing(n) for n in range(1, 7)))
    page = site.read(f"{OBJECTS}?limit=3")
    assert page["more"] is True
    page = site.read(f"{OBJECTS}?limit=3&next={page['next']}")
    assert (page["more"], "next" in page) == (False, False)


def test_dates_of_first_and_last_stand_only_beside_objects(site: Site) -> None:
    site.release(outgoing(1), outgoing(2))
    headers = site.ask(OBJECTS).headers
    assert headers["x-taxii-date-added-first"] == times.added(NOW)
    assert headers["x-taxii-date-added-last"] == times.added(NOW + 1)
    for path in (OBJECTS, MANIFEST, f"{OBJECTS}{an_id(1)}/", f"{OBJECTS}{an_id(1)}/versions/"):
        empty = site.ask(f"{path}?added_after={times.added(NOW + 9)}")
        assert (empty.status, empty.body) == (200, b"{}")
        assert not any(name.startswith("x-taxii") for name in empty.headers)


def test_added_after_is_a_place_and_may_stand_beside_next(site: Site) -> None:
    site.release(*(outgoing(n) for n in range(1, 6)))
    after = f"{OBJECTS}?limit=2&added_after={times.added(NOW)}"
    page = site.read(after)
    assert ids(page) == [an_id(2), an_id(3)]
    assert ids(site.read(f"{after}&next={page['next']}")) == [an_id(4), an_id(5)]
    later = f"{OBJECTS}?limit=2&added_after={times.added(NOW + 3)}&next={page['next']}"  # a reader who moves both on
    assert ids(site.read(later)) == [an_id(5)]
    assert ids(site.read(f"{OBJECTS}?added_after=1969-01-01T00:00:00Z")) == [an_id(n) for n in range(1, 6)]


def test_the_latest_version_unless_another_is_asked_for(site: Site) -> None:
    site.release(outgoing(1), outgoing(2))
    site.release(outgoing(1, version=2))
    site.release(outgoing(1, version=3))

    def versions(match: str) -> list[tuple[str, str]]:
        found = site.read(f"{OBJECTS}?match[version]={match}").get("objects", [])
        return [(one["id"], one["modified"]) for one in found]

    one, two, three = ((an_id(1), stixout.time(NOW - DAY + n * 1000)) for n in (1, 2, 3))
    other = (an_id(2), one[1])
    assert versions("last") == [other, three]
    assert versions("first") == [one, other]
    assert versions("first,last") == [one, other, three]
    assert versions("all") == [one, other, two, three]
    assert versions(two[1]) == [two]
    assert versions(f"{two[1]},last") == [other, two, three]
    assert versions("2001-01-01T00:00:00Z") == []
    assert ids(site.read(OBJECTS)) == [an_id(2), an_id(1)]
    of_one = site.read(f"{OBJECTS}{an_id(1)}/?match[version]=first")["objects"]
    assert [(found["id"], found["modified"]) for found in of_one] == [one]
    assert site.read(f"{OBJECTS}{an_id(1)}/versions/") == {"versions": [three[1], two[1], one[1]], "more": False}


def test_one_version_sent_twice_counts_as_sent_last(site: Site) -> None:
    site.release(outgoing(1))
    again = outgoing(1)._replace(body=body(an_id(1), NOW - DAY + 1000, labels=["b"]))
    site.release(again)
    for match in ("last", "first", "all", stixout.time(NOW - DAY + 1000)):
        assert site.ask(f"{OBJECTS}?match[version]={match}").body == b'{"objects":[%b],"more":false}' % again.body


def test_filters_by_id_type_and_spec_version(site: Site) -> None:
    old = outgoing(3)._replace(body=outgoing(3).body.replace(b'"spec_version":"2.1",', b""))
    site.release(outgoing(1), outgoing(2, kind="malware"), old, outgoing(4, kind="ipv4-addr"))
    assert ids(site.read(f"{OBJECTS}?match[type]=malware,report")) == [an_id(2, "malware")]
    assert ids(site.read(f"{OBJECTS}?match[id]={an_id(1)},{an_id(9)}")) == [an_id(1)]
    assert ids(site.read(f"{OBJECTS}?match[type]=malware&match[id]={an_id(1)}")) == []
    assert ids(site.read(f"{OBJECTS}?match[spec_version]=2.0")) == [an_id(3)]
    assert len(ids(site.read(f"{OBJECTS}?match[spec_version]=2.1"))) == 3
    assert len(ids(site.read(f"{OBJECTS}?match[spec_version]=2.0,2.1"))) == 4
    assert ids(site.read(f"{OBJECTS}?match[spec_version]=3.0")) == []
    media = [one["media_type"] for one in site.read(MANIFEST)["objects"]]
    assert [one.partition("version=")[2] for one in media] == ["2.1", "2.1", "2.0", "2.1"]


def test_the_manifest_says_what_the_objects_are(site: Site) -> None:
    site.release(outgoing(1), outgoing(2))
    found = site.ask(f"{MANIFEST}?limit=1")
    page = json.loads(found.body)
    assert page["objects"] == [
        {
            "id": an_id(1),
            "date_added": times.added(NOW),
            "version": stixout.time(NOW - DAY + 1000),
            "media_type": "application/stix+json;version=2.1",
        }
    ]
    assert found.headers["x-taxii-date-added-last"] == times.added(NOW)
    assert ids(site.read(f"{MANIFEST}?limit=1&next={page['next']}")) == [an_id(2)]


def test_the_pages_of_one_object(site: Site) -> None:
    for version in (1, 2, 3):
        site.release(outgoing(1, version=version))
    page = site.read(f"{OBJECTS}{an_id(1)}/?match[version]=all&limit=2")
    assert len(page["objects"]) == 2
    rest = site.read(f"{OBJECTS}{an_id(1)}/?match[version]=all&limit=2&next={page['next']}")
    assert (len(rest["objects"]), rest["more"]) == (1, False)
    versions = site.read(f"{OBJECTS}{an_id(1)}/versions/?limit=2")
    assert len(versions["versions"]) == 2
    assert len(site.read(f"{OBJECTS}{an_id(1)}/versions/?limit=2&next={versions['next']}")["versions"]) == 1


def test_what_is_withdrawn_is_nowhere(site: Site) -> None:
    site.release(outgoing(1), outgoing(2))
    site.release(outgoing(1, version=2))
    with site.engine.begin() as conn:
        ledger.write(conn, site.recipient.id, [], [Taken(3, "")], now=NOW)
    assert ids(site.read(f"{OBJECTS}?match[version]=all")) == [an_id(2)]
    assert ids(site.read(MANIFEST)) == [an_id(2)]
    assert site.ask(f"{OBJECTS}{an_id(1)}/").status == 404


def test_what_is_not_there_and_what_is_not_for_the_caller_are_one_answer(site: Site) -> None:
    with site.engine.begin() as conn:
        stranger = recipient(conn, "KISA")
        theirs = {one.name: one.uuid for one in recipients.collections(conn, stranger.id)}
        ledger.write(conn, stranger.id, [outgoing(7)], now=NOW)
    status = json.loads(site.ask(INBOX, "POST", b'{"objects":[{}]}').body)["id"]
    paths = [
        f"/haechi/collections/{theirs['indicators']}/",
        f"/haechi/collections/{theirs['indicators']}/objects/",
        f"/haechi/collections/{theirs['inbox']}/objects/",
        f"/haechi/collections/{an_id(1)[11:]}/objects/",
        f"/haechi/collections/{theirs['indicators']}/objects/{an_id(7)}/",
        f"{OBJECTS}{an_id(7)}/",
        f"{OBJECTS}{an_id(7)}/versions/",
        f"{OBJECTS}%00/",
        "/haechi/status/5f6f6df5-5d1f-4a69-9d5e-0d9ce7bd8d4f/",
        "/haechi/status/x/",
        "/haechi/nothing/",
        "/other/collections/",
        f"{MANIFEST}{an_id(1)}/",
    ]
    answers = {(found.status, found.body, tuple(found.headers.items())) for found in map(site.ask, paths)}
    assert len(answers) == 1
    assert answers.pop()[0] == 404
    assert site.ask(f"/haechi/status/{status}/").status == 200
    site.recipient = stranger
    assert site.ask(f"/haechi/status/{status}/").status == 404


def test_a_login_bound_to_one_collection_sees_no_other(engine: Engine) -> None:
    site = Site(engine, collections=frozenset({"sightings"}))
    assert [one["alias"] for one in site.read("/haechi/collections/")["collections"]] == ["sightings"]
    assert site.ask(OBJECTS).status == 404
    assert site.ask(INBOX, "POST", b'{"objects":[{}]}').status == 404


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=0", "limit takes"),
        ("limit=-1", "limit takes"),
        ("limit=x", "limit takes"),
        ("limit=", "limit takes"),
        ("limit=1&limit=2", "limit stands twice"),
        ("added_after=yesterday", "added_after takes"),
        ("added_after=2026-02-30T00:00:00Z", "added_after takes"),
        ("added_after=2026-02-03T00:00:00%2B09:00", "added_after takes"),
        ("match[version]=newest", "match[version] takes"),
        ("next=x", "next belongs"),
        ("next=%ff", "next belongs"),
        ("match[type]=" + ",".join(f"t{n}" for n in range(201)), "more than 200"),
    ],
)
def test_a_question_that_cannot_be_read(site: Site, query: str, said: str) -> None:
    found = site.ask(f"{OBJECTS}?{query}")
    told = json.loads(found.body)
    assert (found.status, told["http_status"]) == (400, "400")
    assert said in told["title"]


def test_next_belongs_to_its_filters_and_its_resource(site: Site) -> None:
    site.release(*(outgoing(n) for n in range(1, 5)))
    cursor = site.read(f"{OBJECTS}?limit=2")["next"]
    assert site.ask(f"{OBJECTS}?limit=1&next={cursor}").status == 200  # the page size may change
    assert site.ask(f"{OBJECTS}?match[type]=indicator&next={cursor}").status == 400
    assert site.ask(f"{MANIFEST}?next={cursor}").status == 400
    typed = site.read(f"{OBJECTS}?limit=2&match[type]=indicator,malware")["next"]
    assert site.ask(f"{OBJECTS}?match[type]=malware,indicator&next={typed}").status == 200  # a set has no order


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/json", "application/taxii+json;version=2.0", "application/taxii+json;q=0"]
)
def test_an_answer_in_another_form_is_refused(site: Site, accept: str) -> None:
    assert site.ask("/haechi/", accept=accept).status == 406


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json",
        "application/taxii+json;version=2.0",
        "application/taxii+json; charset=utf-16",
        "text/html",
    ],
)
def test_a_body_in_another_form_is_refused(site: Site, kind: str) -> None:
    assert site.ask(INBOX, "POST", b'{"objects":[{}]}', content_type=kind).status == 415


def test_a_packed_or_oversized_body_is_refused(site: Site) -> None:
    assert site.ask(INBOX, "POST", b"x", content_encoding="gzip").status == 415
    assert site.ask(INBOX, "POST", b" " * (server.MOST_BYTES + 1)).status == 413


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "/taxii2/", 405, "GET"),
        ("DELETE", OBJECTS, 405, "GET, POST"),
        ("POST", f"{OBJECTS}x/", 405, "GET, DELETE"),
        ("PUT", OBJECTS, 405, "GET, POST"),
        ("POST", OBJECTS, 403, None),
        ("DELETE", f"{OBJECTS}{an_id(1)}/", 403, None),
        ("GET", INBOX, 403, None),
        ("GET", f"{INBOX}{an_id(1)}/", 403, None),
        ("GET", "/haechi/collections/INBOX/manifest/", 403, None),
    ],
)
def test_what_may_be_done_to_what(site: Site, method: str, path: str, status: int, allow: str | None) -> None:
    found = site.ask(path, method, b'{"objects":[{}]}')
    assert (found.status, found.headers.get("allow")) == (status, allow)


def test_a_page_ends_where_it_would_be_too_large(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MOST_BYTES", 700)
    site.release(*(outgoing(n) for n in range(1, 6)))  # some 290 bytes each
    seen, page = [], site.read(OBJECTS)
    while page["more"]:
        assert len(ids(page)) == 2
        seen += ids(page)
        page = site.read(f"{OBJECTS}?next={page['next']}")
    assert [*seen, *ids(page)] == [an_id(n) for n in range(1, 6)]
    monkeypatch.setattr(slices, "MOST_BYTES", 10)  # one alone goes, however large
    assert len(ids(site.read(OBJECTS))) == 1
    assert len(ids(site.read(f"{OBJECTS}?match[type]=indicator"))) == 1


def test_a_peer_gets_what_its_tree_needs_and_a_consumer_does_not(engine: Engine) -> None:
    site = Site(engine, how=SIGNATURE)
    site.release(outgoing(1), outgoing(2), outgoing(5, collection="sightings"))
    page = site.read(OBJECTS)
    with engine.connect() as conn:
        rows = ledger.rows(conn, site.recipient.id)
    assert page["x_haechi_seq"] == 3
    for object, (seq, date, salt), row in zip(page["objects"], page["x_haechi_leaves"], rows, strict=False):
        leaf = leaf_of(base64.b64decode(salt), digest(json.dumps(object).encode()))
        assert (seq, date, leaf) == (row.seq, row.date_added, row.leaf)
    part = site.read(f"{OBJECTS}?limit=1")
    assert (part["x_haechi_seq"], len(part["x_haechi_leaves"])) == (1, 1)
    assert site.read(f"{OBJECTS}?added_after={times.added(NOW + 9)}") == {"x_haechi_leaves": [], "x_haechi_seq": 3}
    site.how = "basic"
    assert set(site.read(OBJECTS)) == {"objects", "more"}


def test_limits_of_pages(engine: Engine) -> None:
    site = Site(engine)
    site.release(*(outgoing(n) for n in range(1, 1103)))
    assert len(ids(site.read(OBJECTS))) == 100
    assert len(ids(site.read(f"{OBJECTS}?limit=5000"))) == 1000
    assert len(ids(site.read(f"{OBJECTS}?limit={'9' * 18}"))) == 1000
    site.how = SIGNATURE
    assert len(ids(site.read(f"{OBJECTS}?limit=5000"))) == 1102


def test_a_page_is_found_in_the_index_alone(engine: Engine) -> None:
    """Whatever the size: the plan has no sort of the slice and no walk along it."""
    site = Site(engine)
    site.release(*(outgoing(n) for n in range(1, 3000)))
    place = slices.Place(recipient_id=site.recipient.id, collection_id=1, after=NOW + 1000)
    queries = [
        (f"SELECT seq, date_added, salt, body{slices._PLAIN}", slices.Wanted()),
        (slices._keys(engine.dialect.name, slices._shape(w := slices.Wanted(types=("malware",)))).text, w),
        (slices._keys(engine.dialect.name, slices._shape(w := slices.Wanted(ids=("malware--1",)))).text, w),
        (slices._keys(engine.dialect.name, slices._shape(w := slices.Wanted(every=True))).text, w),
    ]
    with engine.begin() as conn:
        if engine.dialect.name == "postgresql":
            conn.execute(text("ANALYZE ledger"))
            conn.execute(text("SET enable_seqscan = off"))
        for query, wanted in queries:
            how = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
            plan = [str(row[-1]) for row in conn.execute(text(how + query), slices._arguments(place, wanted))]
            wanted_index = "ix_ledger_object" if wanted.ids else "ix_ledger_page"
            assert any(wanted_index in line for line in plan), plan
            if engine.dialect.name == "sqlite":
                assert not [line for line in plan if line.endswith("PRIMARY KEY (recipient_id=?)")], plan
            else:
                assert not [line for line in plan if "Seq Scan" in line], plan
