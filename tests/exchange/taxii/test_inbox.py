import json
from typing import Any

import pytest
from sqlalchemy import Engine, text

from haechi.exchange.taxii import inbox
from haechi.formats import stixout
from haechi.model.marking import Tlp
from haechi.store.catalog import recipients
from tests.exchange.taxii.shared import DAY, NOW, Site, an_id, body, recipient

INBOX = "/haechi/collections/INBOX/objects/"


@pytest.fixture
def site(engine: Engine) -> Site:
    return Site(engine)


def indicator(number: int, value: str = "evil.example", modified: int = NOW - DAY, **more: Any) -> bytes:
    return body(an_id(number), modified, pattern=f"[domain-name:value = '{value}']", **more)


def post(site: Site, *objects: bytes) -> dict[str, Any]:
    found = site.ask(INBOX, "POST", b'{"objects":[%b]}' % b",".join(objects))
    assert found.status == 202, found
    status: dict[str, Any] = json.loads(found.body)
    assert site.read(f"/haechi/status/{status['id']}/") == status
    return status


def rows(site: Site, query: str) -> list[tuple[Any, ...]]:
    with site.engine.connect() as conn:
        return [tuple(row) for row in conn.execute(text(query))]


def test_good_objects_land_under_the_recipients_own_source(site: Site) -> None:
    status = post(site, indicator(1), indicator(2, "worse.example"), body(an_id(3, "malware"), NOW, name="x"))
    assert (status["status"], status["total_count"], status["success_count"]) == ("complete", 3, 3)
    assert (status["failure_count"], status["pending_count"], "failures" in status) == (0, 0, False)
    assert status["successes"][0] == {"id": an_id(1), "version": stixout.time(NOW - DAY)}
    assert rows(site, "SELECT name, recipient_id, own FROM source") == [("MODA", site.recipient.id, 0)]
    found = rows(site, "SELECT v.text, o.object_id FROM assertion a JOIN value v ON v.id = a.value_id JOIN object o"
                       " ON o.id = a.object_id ORDER BY 2")  # fmt: skip
    assert found == [("evil.example", an_id(1)), ("worse.example", an_id(2))]
    assert rows(site, "SELECT DISTINCT marking FROM object_version") == [(int(Tlp.AMBER_STRICT),)]  # unmarked
    raw = rows(site, "SELECT v.raw FROM object o JOIN object_version v ON v.object_id = o.id ORDER BY o.object_id")
    assert bytes(raw[0][0]) == indicator(1)
    assert [action for action, _ in site.keeper.logged] == ["taxii.take"]
    assert len(site.keeper.loaded) == 1


def test_a_bad_object_is_named_with_its_reason_and_the_rest_goes_through(site: Site) -> None:
    deep = b'{"type":"indicator","id":"%b","x":%b}' % (an_id(5).encode(), b"[" * 90 + b"]" * 90)
    status = post(
        site,
        indicator(1),
        b"17",
        b'{"type":"indicator","id":"nonsense"}',
        body(an_id(4), NOW, pattern="[domain-name:value = "),
        deep,
        body(an_id(6), NOW, spec_version="9.9"),
        indicator(7, "other.example"),
    )
    assert [one["id"] for one in status["successes"]] == [an_id(1), an_id(7)]
    failures = status["failures"]
    assert [one["id"] for one in failures] == ["", "nonsense", an_id(4), an_id(5), an_id(6)]
    assert all(one["message"] and one["version"] for one in failures)
    assert status["total_count"] == 7
    assert rows(site, "SELECT count(*) FROM object") == [(2,)]


def test_one_id_with_other_content_under_one_version_is_refused(site: Site) -> None:
    status = post(site, indicator(1), indicator(1, "other.example"), indicator(1))
    assert (status["success_count"], status["failure_count"]) == (1, 2)  # the first counts, whatever follows
    again = post(site, indicator(1, "third.example"))
    assert again["failure_count"] == 1
    newer = post(site, indicator(1, "third.example", NOW))
    assert newer["failure_count"] == 0
    live = rows(site, "SELECT v.text FROM assertion a JOIN value v ON v.id = a.value_id WHERE a.gone_at IS NULL")
    assert live == [("third.example",)]


def test_nobody_updates_what_another_sent(site: Site) -> None:
    post(site, indicator(1))
    first = site.recipient
    with site.engine.begin() as conn:
        site.recipient = recipient(conn, "KISA")
        site.ids = {one.name: one.uuid for one in recipients.collections(conn, site.recipient.id)}
    post(site, indicator(1, "mine.example", NOW))
    of_first = rows(
        site,
        "SELECT v.text FROM assertion a JOIN value v ON v.id = a.value_id JOIN object o ON o.id = a.object_id JOIN source s"
        f" ON s.id = o.source_id WHERE a.gone_at IS NULL AND s.recipient_id = {first.id}",
    )
    assert of_first == [("evil.example",)]


def test_a_source_of_that_name_that_came_otherwise_is_not_written_to(site: Site) -> None:
    with site.engine.begin() as conn:
        conn.execute(text("INSERT INTO source (name, marking, own) VALUES ('MODA', 3, 1)"))
    post(site, indicator(1))
    names = rows(site, "SELECT name, own FROM source ORDER BY id")
    assert names == [("MODA", 1), (f"MODA ({site.recipient.uuid})", 0)]


def test_a_marking_sent_before_is_known_later(site: Site) -> None:
    definition = stixout.marking(Tlp.GREEN)
    own = json.loads(definition) | {"id": "marking-definition--5f6f6df5-5d1f-4a69-9d5e-0d9ce7bd8d4f"}
    post(site, json.dumps(own).encode())
    post(site, indicator(1, object_marking_refs=[own["id"]]))
    assert rows(site, "SELECT v.marking FROM object o JOIN object_version v ON v.object_id = o.id"
                      " WHERE o.type = 'indicator'") == [(int(Tlp.GREEN),)]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe{\x00}\x00", 400),
        ('{"objects":[{}]}'.encode("utf-16"), 400),
        (b'{"objects":[' + b"[" * 100_000, 400),
        (b'{"objects":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"objects":[]}', 422),
        (b'{"objects":{}}', 422),
        (b'{"type":"bundle"}', 422),
    ],
)
def test_what_is_no_envelope(site: Site, content: bytes, status: int) -> None:
    found = site.ask(INBOX, "POST", content)
    assert (found.status, bool(json.loads(found.body)["title"])) == (status, True)
    assert rows(site, "SELECT count(*) FROM submission") == [(0,)]


def test_too_many_objects_in_one_request(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST_OBJECTS", 2)
    assert site.ask(INBOX, "POST", b'{"objects":[1,2,3]}').status == 413


def test_a_type_beside_the_objects_changes_nothing(site: Site) -> None:
    found = site.ask(INBOX, "POST", b'{"type":"indicator","objects":[%b]}' % indicator(1))
    assert json.loads(found.body)["success_count"] == 1


def test_a_submitter_may_delete_what_it_sent_and_nothing_else(site: Site) -> None:
    post(site, indicator(1), indicator(2, "stays.example"))
    assert site.ask(f"{INBOX}{an_id(9)}/", "DELETE").status == 404
    done = site.ask(f"{INBOX}{an_id(1)}/", "DELETE")
    assert (done.status, done.body) == (200, b"")
    assert site.ask(f"{INBOX}{an_id(1)}/", "DELETE").status == 404
    live = rows(site, "SELECT v.text FROM assertion a JOIN value v ON v.id = a.value_id WHERE a.gone_at IS NULL")
    assert live == [("stays.example",)]
    assert rows(site, "SELECT count(*) FROM object_version WHERE to_at IS NULL") == [(1,)]
    assert site.keeper.logged[-1][0] == "taxii.delete"
    with site.engine.begin() as conn:
        site.recipient = recipient(conn, "KISA")
        site.ids = {one.name: one.uuid for one in recipients.collections(conn, site.recipient.id)}
    assert site.ask(f"{INBOX}{an_id(2)}/", "DELETE").status == 404
