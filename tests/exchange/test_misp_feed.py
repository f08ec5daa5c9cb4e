"""A slice as a MISP feed: which events, what moves their time, what a caller may have; read by pymisp."""

import json
from typing import Any

import pytest
from pymisp import MISPEvent
from sqlalchemy import Engine

from haechi.exchange import misp_feed
from haechi.exchange.caller import BASIC, Caller
from haechi.exchange.message import Request, Response
from haechi.exchange.misp_feed import MANIFEST, ROOT, Feed, Feeds
from haechi.formats import misp, stixout
from haechi.model.indicator import Context, ValueType
from haechi.model.marking import Pap, Tlp
from haechi.model.release import Relation
from haechi.model.source_object import SourceObject
from haechi.store.catalog import ledger, recipients
from haechi.store.catalog.ledger import Outgoing, Taken
from haechi.store.catalog.recipients import RecipientRow

NOW = 1_800_000_000_000_000
DAY = 86_400_000_000
SECOND = 1_000_000
SECRET = b"s" * 32
CREATOR = "11111111-2222-4333-8444-555555555555"


def an_id(kind: str, number: int) -> str:
    return f"{kind}--00000000-0000-4000-8000-{number:012}"


class Site:
    """A recipient, what was released to it, and its feed."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.now, self.feeds = engine, NOW, Feeds(SECRET)
        with engine.begin() as conn:
            self.recipient = recipients.add(
                conn, uuid=CREATOR[:-1] + "9", name="R", country="TW", kind="consumer",
                relation=Relation.COMMUNITY, now=NOW,
            )  # fmt: skip

    def release(self, *bodies: bytes) -> None:
        self.now += 10 * SECOND
        found = [
            Outgoing("indicators", item["id"], item["type"], self.now, body, 1, 0, "")
            for body in bodies
            for item in [json.loads(body)]
        ]
        with self.engine.begin() as conn:
            ledger.write(conn, self.recipient.id, found, now=self.now)

    def withdraw(self, *seqs: int) -> None:
        self.now += 10 * SECOND
        with self.engine.begin() as conn:
            ledger.write(conn, self.recipient.id, [], [Taken(seq, "") for seq in seqs], now=self.now)

    def events(self) -> list[dict[str, Any]]:
        """The events of the feed in order, each as pymisp read it, checked against the manifest."""
        manifest = json.loads(self.get(MANIFEST).body)
        found = []
        for uuid, entry in manifest.items():
            body = self.get(f"{uuid}.json").body
            event = MISPEvent()
            event.load(body)
            assert event.manifest == {uuid: entry}
            found.append(json.loads(body)["Event"])
        return found

    def get(self, name: str, method: str = "GET", bound: frozenset[str] = frozenset(), **headers: str) -> Response:
        request = Request(method, ROOT + name, {key.replace("_", "-"): value for key, value in headers.items()})
        with self.engine.begin() as conn:
            caller = Caller(recipients.get(conn, self.recipient.id), BASIC, bound)
            return self.feeds.answer(request, caller, conn)


@pytest.fixture
def site(engine: Engine) -> Site:
    return Site(engine)


def indicator(number: int, *, day: int = 0, **said: Any) -> bytes:
    made = {"marking": Tlp.AMBER, "creator": f"identity--{CREATOR}", **said}
    created = NOW - 10 * DAY + day * DAY
    return stixout.indicator(
        id=an_id("indicator", number), kind=ValueType.DOMAIN, value=f"c{number}.example", created=created,
        modified=made.pop("modified", created), **made,
    )  # fmt: skip


def values(event: dict[str, Any]) -> list[str]:
    return [one["value"] for one in event["Attribute"]]


def test_one_event_for_each_creator_marking_and_campaign_or_day(site: Site) -> None:
    identity = stixout.identity(uuid=CREATOR, name="TWCERT/CC", sector="government", country="TW", created=NOW)
    otter = Context(campaigns=("Otter",))
    site.release(
        identity,
        indicator(1), indicator(2), indicator(3, day=1), indicator(4, marking=Tlp.GREEN), indicator(5, pap=Pap.AMBER),
        indicator(6, context=otter), indicator(7, day=3, context=otter), indicator(8, creator=an_id("identity", 9)),
    )  # fmt: skip
    found = site.events()
    assert [values(event) for event in found] == [
        ["c1.example", "c2.example"], ["c3.example"], ["c4.example"], ["c5.example"], ["c6.example", "c7.example"],
        ["c8.example"],
    ]  # fmt: skip
    assert [event["info"] for event in found] == [
        "Indicators of 2027-01-05", "Indicators of 2027-01-06", *["Indicators of 2027-01-05"] * 2, "Otter",
        "Indicators of 2027-01-05",
    ]  # fmt: skip
    assert [[tag["name"] for tag in event["Tag"]] for event in found[:4]] == [
        ["tlp:amber"], ["tlp:amber"], ["tlp:green"], ["tlp:amber", "PAP:AMBER"],
    ]  # fmt: skip
    assert found[0]["Orgc"] == {"name": "TWCERT/CC", "uuid": CREATOR}
    assert found[-1]["Orgc"]["name"].startswith("organisation 0000")
    back = list(misp.parse(json.dumps({"Event": found[2]}).encode(), marking=Tlp.CLEAR))
    assert [one.marking for one in back if isinstance(one, SourceObject)] == [Tlp.GREEN]


def test_names_come_with_their_markings(site: Site) -> None:
    actor: dict[str, Any] = {
        "type": "threat-actor",
        "spec_version": "2.1",
        "id": an_id("threat-actor", 1),
        "name": "Otter",
    }
    actor |= {"created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}
    actor |= {"object_marking_refs": ["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]}  # RED
    related = {
        "type": "relationship",
        "spec_version": "2.1",
        "id": an_id("relationship", 1),
        "relationship_type": "indicates",
    }
    related |= {"created": actor["created"], "modified": actor["modified"]}
    related |= {"source_ref": an_id("indicator", 1), "target_ref": actor["id"]}
    site.release(indicator(1), indicator(2), json.dumps(actor).encode(), json.dumps(related).encode())
    found = {values(event)[0]: event for event in site.events()}
    assert [tag["name"] for tag in found["c1.example"]["Tag"]] == ["tlp:red"]
    assert [tag["name"] for tag in found["c1.example"]["Attribute"][0]["Tag"]] == [
        "tlp:red",
        'misp-galaxy:threat-actor="Otter"',
    ]
    assert [tag["name"] for tag in found["c2.example"]["Tag"]] == ["tlp:amber"]


def test_a_withdrawal_takes_the_value_out_and_moves_the_event_s_time(site: Site) -> None:
    site.release(indicator(1), indicator(2), indicator(3, day=1))
    before = {event["uuid"]: int(event["timestamp"]) for event in site.events()}
    site.withdraw(1)
    after = site.events()
    assert [values(event) for event in after] == [["c2.example"], ["c3.example"]]
    assert [event["uuid"] for event in after] == list(before)
    assert int(after[0]["timestamp"]) == site.now // SECOND > before[after[0]["uuid"]]
    site.withdraw(3)
    assert [values(event) for event in site.events()] == [["c2.example"]]
    gone = next(uuid for uuid in before if uuid != after[0]["uuid"])
    assert site.get(f"{gone}.json").status == 404


def test_what_moves_to_a_stricter_event_leaves_the_old_one_with_a_later_time(site: Site) -> None:
    site.release(indicator(1), indicator(2))
    (before,) = site.events()
    site.release(indicator(1, marking=Tlp.RED, modified=NOW))
    old, new = sorted(site.events(), key=values, reverse=True)
    assert (values(old), values(new)) == (["c2.example"], ["c1.example"])
    assert (old["uuid"], [tag["name"] for tag in new["Tag"]]) == (before["uuid"], ["tlp:red"])
    assert int(old["timestamp"]) > int(before["timestamp"])
    assert new["Attribute"][0]["uuid"] not in {one["uuid"] for one in before["Attribute"]}


def test_long_slices_are_cut_and_nothing_moves(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misp_feed, "PART", 3)
    site.release(*(indicator(number) for number in range(1, 8)))
    before = site.events()
    assert [len(values(event)) for event in before] == [3, 3, 1]
    site.release(indicator(2, modified=NOW))
    site.withdraw(5)
    after = {event["uuid"]: sorted(values(event)) for event in site.events()}
    assert sorted(after.values()) == [
        ["c1.example", "c2.example", "c3.example"],
        ["c4.example", "c6.example"],
        ["c7.example"],
    ]
    assert set(after) == {event["uuid"] for event in before}


def test_pages_are_read_to_the_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misp_feed, "_PAGE", 2)
    site.release(*(indicator(number) for number in range(1, 8)))
    assert [len(values(event)) for event in site.events()] == [7]


def test_uuids_are_the_recipient_s_and_the_secret_s(site: Site) -> None:
    site.release(indicator(1))
    with site.engine.begin() as conn:
        row: RecipientRow = recipients.get(conn, site.recipient.id)
        ours, again, other = (Feed(conn, row, secret).heads()[0].uuid for secret in (SECRET, SECRET, b"t" * 32))
    assert ours == again != other


def test_who_may_ask_and_how(site: Site) -> None:
    site.release(indicator(1), indicator(2, marking=Tlp.CLEAR))
    first = site.get(MANIFEST)
    uuid = next(iter(json.loads(first.body)))
    assert (first.status, first.headers["content-type"]) == (200, "application/json")
    again = site.get(MANIFEST, if_none_match=first.headers["etag"])
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert site.get(f"{uuid}.json", if_none_match=first.headers["etag"]).status == 200
    head = site.get(f"{uuid}.json", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) == len(site.get(f"{uuid}.json").body)
    site.release(indicator(3))
    assert site.get(MANIFEST, if_none_match=first.headers["etag"]).status == 200
    for name in ("hashes.csv", "", "x.json", "../manifest.json", f"{uuid.upper()}.json", f"{uuid}"):
        assert site.get(name).status == 404, name
    assert site.get(MANIFEST, bound=frozenset({"sightings"})).status == 404
    assert site.get(MANIFEST, "POST").status == 405
