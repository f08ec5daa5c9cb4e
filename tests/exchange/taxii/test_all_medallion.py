"""OASIS's own server, medallion, as oracle: the same data, the same GETs, equal answers.

Where the two differ the specification decides; each difference is named below with its paragraph, and tested.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import medallion
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from medallion.backends.memory_backend import MemoryBackend
from sqlalchemy import text

from haechi.exchange.taxii import media, times
from haechi.formats import stixout
from haechi.store.catalog import recipients
from haechi.store.catalog.engine import open_engine, sqlite_url
from tests.exchange.taxii.shared import DAY, NOW, Site, an_id, outgoing

COLLECTION = "/haechi/collections/INDICATORS/"
KINDS = ("indicator", "malware", "report")
IDS = [an_id(n, KINDS[n % 3]) for n in range(1, 9)]


class Both:
    """Our server and theirs over one collection."""

    def __init__(self, folder: Path) -> None:
        self.engine = open_engine(sqlite_url(folder / "catalog.sqlite"), create=True)
        self.ours = Site(self.engine)
        for version in (1, 2, 3):  # of some objects more versions than of others
            self.ours.release(*(outgoing(n, version, kind=KINDS[n % 3]) for n in range(1, 9) if n % 3 >= version - 1))
        self.theirs = self._theirs()

    def _theirs(self) -> Any:
        with self.engine.connect() as conn:
            rows = conn.execute(text("SELECT object_id, date_added, version, body FROM ledger ORDER BY seq")).all()
            known = recipients.collections(conn, self.ours.recipient.id)
        objects = [json.loads(row.body) for row in rows]
        manifest = [
            {
                "id": row.object_id,
                "date_added": times.added(row.date_added),
                "version": stixout.time(row.version),
                "media_type": media.STIX,
            }
            for row in rows
        ]
        app = medallion.application_instance
        app.users_backend = {"user": "secret"}
        app.taxii_config = {"max_page_size": 100}
        app.medallion_backend = MemoryBackend(check_interval=3600, session_timeout=3600)
        described = {
            one.name: {
                "id": one.uuid,
                "title": one.name,
                "can_read": one.name != "inbox",
                "can_write": one.name == "inbox",
            }
            | {"media_types": [media.STIX], "objects": [], "manifest": []}
            for one in known
        }
        described["indicators"] |= {"objects": objects, "manifest": manifest}
        app.medallion_backend.data = {
            "/discovery": {"title": "t", "default": "/haechi/", "api_roots": ["/haechi/"]},
            "haechi": {
                "information": {"title": "t", "versions": [media.TAXII], "max_content_length": 10 << 20},
                "status": [],
                "collections": list(described.values()),
            },
        }
        if "objects" not in app.blueprints:
            medallion.register_blueprints(app)
        return app.test_client()

    def ask(self, path: str, **headers: str) -> tuple[Any, Any]:
        """What each answers."""
        mine = self.ours.ask(path, **headers)
        target = path.replace("INDICATORS", self.ours.ids["indicators"]).replace("INBOX", self.ours.ids["inbox"])
        given = {"Accept": headers.get("accept", media.TAXII)}
        return mine, self.theirs.get(target, headers=given, auth=("user", "secret"))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    made = Both(tmp_path_factory.mktemp("medallion"))
    yield made
    made.engine.dispose()


def summary(status: int, body: bytes, headers: Any) -> dict[str, Any]:
    """What must be equal of an answer; a cursor is each server's own."""
    found: dict[str, Any] = {"status": status}
    if status == 200:
        found |= json.loads(body)
        found["next"] = bool(found.get("next"))
        for name in ("X-TAXII-Date-Added-First", "X-TAXII-Date-Added-Last"):
            found[name] = {key.lower(): value for key, value in headers.items()}.get(name.lower())
    return found


def walk(both: Both, path: str, query: dict[str, str]) -> None:
    """Page by page, each server by its own cursor."""
    cursors: list[dict[str, str]] = [{}, {}]
    for _ in range(30):
        answers = []
        for place, more in enumerate(cursors):
            target = f"{path}?{urlencode(query | more)}"
            mine, theirs = both.ask(target) if place == 0 else (None, both.ask(target)[1])
            answer = (
                (mine.status, mine.body, mine.headers)
                if mine is not None
                else (theirs.status_code, theirs.data, theirs.headers)
            )
            answers.append(summary(*answer))
            cursors[place] = {"next": json.loads(answer[1]).get("next", "")} if answers[-1].get("next") else {}
        assert answers[0] == answers[1], (path, query)
        if not cursors[0]:
            return
    raise AssertionError("no end")


VERSIONS = [stixout.time(NOW - DAY + n * 1000) for n in (1, 2, 3, 4)]
some_ids = st.lists(st.sampled_from([*IDS, an_id(99)]), min_size=1, max_size=3, unique=True).map(",".join)
some_types = st.lists(st.sampled_from([*KINDS, "tool"]), min_size=1, max_size=3, unique=True).map(",".join)
some_versions = st.lists(st.sampled_from(["last", "all", *VERSIONS]), min_size=1, max_size=3, unique=True).map(",".join)
dates = st.integers(-2, 18).map(lambda n: times.added(NOW + n))
queries = st.fixed_dictionaries(
    {},
    optional={
        "limit": st.integers(1, 7).map(str),
        "added_after": dates,
        "match[id]": some_ids,
        "match[type]": some_types,
        "match[version]": some_versions,
        "match[spec_version]": st.sampled_from(["2.1", "2.0", "2.0,2.1"]),
    },
)


@settings(max_examples=150)
@given(resource=st.sampled_from(["objects/", "manifest/"]), query=queries)
def test_objects_and_manifest(both: Both, resource: str, query: dict[str, str]) -> None:
    walk(both, f"{COLLECTION}{resource}", query)


@settings(max_examples=60)
@given(id=st.sampled_from([*IDS, an_id(99)]), query=queries)
def test_one_object_and_its_versions(both: Both, id: str, query: dict[str, str]) -> None:
    allowed = {name: value for name, value in query.items() if name not in ("match[id]", "match[type]")}
    walk(both, f"{COLLECTION}objects/{id}/", allowed)
    allowed.pop("match[version]", None)
    walk(both, f"{COLLECTION}objects/{id}/versions/", allowed)


@settings(max_examples=30)
@given(ids=some_ids, types=some_types)
def test_the_first_version(both: Both, ids: str, types: str) -> None:
    """Without `added_after`, see below."""
    walk(both, f"{COLLECTION}objects/", {"match[version]": "first", "match[id]": ids})
    walk(both, f"{COLLECTION}manifest/", {"match[version]": "first,last", "match[type]": types})


@pytest.mark.parametrize(
    "path",
    ["/haechi/nothing/", f"{COLLECTION}objects/{an_id(99)}/", "/haechi/collections/x/", "/haechi/status/x/"]
    + [f"{COLLECTION}objects/?limit={limit}" for limit in ("0", "-1", "x")]
    + [f"{COLLECTION}objects/?next=x", f"{COLLECTION}manifest/?next=x", "/haechi/collections/INBOX/objects/"],
)
def test_what_is_refused(both: Both, path: str) -> None:
    mine, theirs = both.ask(path)
    assert mine.status == theirs.status_code


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/json", "application/taxii+json;version=2.0", "application/taxii+json;version=2.1"],
)
def test_what_is_accepted(both: Both, accept: str) -> None:
    mine, theirs = both.ask("/haechi/", accept=accept)
    assert mine.status == theirs.status_code


def test_an_accept_header_without_a_version_takes_the_newest(both: Both) -> None:
    """TAXII 2.1, 1.6.8.2: where no version parameter is given the server answers with its newest. medallion: 406."""
    mine, theirs = both.ask("/haechi/", accept="application/taxii+json")
    assert (mine.status, theirs.status_code) == (200, 406)


def test_the_first_version_is_the_first_whatever_else_is_asked(both: Both) -> None:
    """TAXII 2.1, 3.4: filters are joined by AND, and `first` is the earliest version of an object.

    medallion takes the earliest of those that `added_after` leaves, so a reader gets another "first" at each poll.
    """
    query = urlencode({"match[version]": "first", "added_after": times.added(NOW + 7)})  # after the first of all eight
    mine, theirs = both.ask(f"{COLLECTION}objects/?{query}")
    assert json.loads(mine.body) == {}
    assert {one["modified"] for one in theirs.json["objects"]} == {VERSIONS[1]}
