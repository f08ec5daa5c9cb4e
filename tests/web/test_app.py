import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

import httpx
import psutil
from pymisp import MISPEvent

from haechi.exchange.taxii import media
from haechi.node import consumers
from haechi.web.edge import SECURITY
from haechi.web.limiter import MOST_FAILURES
from tests.exchange.taxii.shared import NOW, an_id, body
from tests.web.conftest import TAXII, Served

OBJECTS = "/haechi/collections/indicators/objects/"
INBOX = "/haechi/collections/inbox/objects/"


def test_nothing_is_served_to_nobody(served: Served) -> None:
    for path in (
        "/taxii2/",
        "/haechi/",
        OBJECTS,
        f"{OBJECTS}?limit=1",
        "/haechi/collections/x/objects/",
        "/haechi/leaves",
    ):
        found = httpx.get(served.url + path, headers={"accept": TAXII}, trust_env=False)
        assert (found.status_code, found.json()["http_status"]) == (401, "401")
        assert found.headers["www-authenticate"].startswith('Basic realm="haechi"')
    assert httpx.get(f"{served.url}/", trust_env=False).status_code == 404
    assert httpx.post(served.url + INBOX, content=b"{}", trust_env=False).status_code == 401


def test_every_answer_has_the_security_headers_and_is_taxii(served: Served) -> None:
    with served.client() as client:
        answers = [
            client.get(OBJECTS),
            client.get("/haechi/"),
            client.get("/nothing/"),
            client.put(OBJECTS),
            client.get(OBJECTS, headers={"accept": "text/html"}),
            client.get(f"{OBJECTS}?limit=x"),
        ]
    assert [one.status_code for one in answers] == [200, 200, 404, 405, 406, 400]
    for one in answers:
        assert SECURITY.items() <= dict(one.headers).items()
        assert one.headers["content-type"] == media.TAXII
        assert "strict-transport-security" not in one.headers  # it came over plain HTTP
        assert int(one.headers["content-length"]) == len(one.content)


def test_the_front_and_the_routes_give_one_answer(served: Served) -> None:
    """A filter that lets all through takes the ordinary way."""
    with served.client() as client:
        for query in ("", "?limit=3", "?added_after=2026-01-01T00:00:00Z", "?limit=3&added_after=2030-01-01T00:00:00Z"):
            front = client.get(f"{OBJECTS}{query}")
            routed = client.get(f"{OBJECTS}{query}{'&' if query else '?'}match[type]=indicator")
            mine, theirs = front.json(), routed.json()
            for page in (mine, theirs):
                page.pop("next", None)  # bound to the filters
            assert mine == theirs
            dates = [one.headers.get("x-taxii-date-added-last") for one in (front, routed)]
            assert dates[0] == dates[1]
        without_slash = client.get(OBJECTS.rstrip("/"))
        assert without_slash.content == client.get(OBJECTS).content


def test_the_misp_feed_of_a_consumer_is_read_by_pymisp(served: Served) -> None:
    with served.client() as client:
        manifest = client.get("/misp/manifest.json")
        assert manifest.status_code == 200
        assert client.get("/misp/manifest.json", headers={"if-none-match": manifest.headers["etag"]}).status_code == 304
        assert manifest.json()
        for uuid, said in manifest.json().items():
            event = MISPEvent()
            event.load(client.get(f"/misp/{uuid}.json").content)
            assert (event.uuid, event.info) == (uuid, said["info"])
            assert event.attributes
        assert client.get(f"/misp/{uuid4()}.json").status_code == 404
        assert client.get("/misp/hashes.csv").status_code == 404
    assert httpx.get(f"{served.url}/misp/manifest.json", trust_env=False).status_code == 401


def test_a_revoked_login_ends_with_the_next_request(served: Served) -> None:
    _, made = consumers.add(served.home, name="brief", country="KR")
    with httpx.Client(
        base_url=served.url, auth=(made.user, made.secret), headers={"accept": TAXII}, trust_env=False
    ) as one:
        assert one.get(OBJECTS).status_code == 200
        newer = consumers.rotate(served.home, "brief")
        assert one.get(OBJECTS).status_code == 401
        login = httpx.BasicAuth(newer.user, newer.secret)
        assert one.get(OBJECTS, auth=login).status_code == 200
        consumers.revoke(served.home, "brief")
        assert one.get(OBJECTS, auth=login).status_code == 401


def test_the_last_use_is_shown(served: Served) -> None:
    with served.client() as client:
        client.get(OBJECTS)
    for _ in range(50):
        found = next(one for one in consumers.every(served.home) if one.recipient.name == "kisa")
        if found.last_used_at:
            return
        time.sleep(0.05)
    raise AssertionError("the last use was not written")


def test_a_body_that_says_it_is_huge_is_refused_before_it_is_read(served: Served) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    login = httpx.BasicAuth(served.secrets.user, served.secrets.secret)._auth_header
    connection.putrequest("POST", INBOX)
    for name, value in (("accept", TAXII), ("content-type", TAXII), ("authorization", login)):
        connection.putheader(name, value)
    connection.putheader("content-length", str(10 << 30))
    connection.endheaders()
    found = connection.getresponse()
    assert (found.status, json.loads(found.read())["http_status"]) == (413, "413")
    connection.close()


def test_a_body_that_turns_out_to_be_huge_is_refused_in_bounded_memory(served: Served) -> None:
    server = _process(served)
    before = server.memory_info().rss

    def endless() -> Iterator[bytes]:
        for _ in range(400):  # 400 MB, if anyone took them
            yield b" " * (1 << 20)

    with served.client(**{"content-type": TAXII}) as client:
        with suppress(httpx.HTTPError):  # where the server closes the connection while we are still sending
            assert client.post(INBOX, content=endless()).status_code == 413
        assert client.get("/haechi/").status_code == 200
    assert server.memory_info().rss - before < 100 << 20


def test_bad_bodies(served: Served) -> None:
    with served.client(**{"content-type": TAXII}) as client:
        deep = b'{"objects":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}"
        for content, status in ((deep, 400), (b"\xff\xfe\x00", 400), (b"", 400), (b'{"objects":[1,2]}', 202)):
            assert client.post(INBOX, content=content).status_code == status
        assert client.post(INBOX, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415


def test_what_was_acknowledged_is_in_the_catalog(served: Served) -> None:
    with served.client(**{"content-type": TAXII}) as client:
        status = client.post(INBOX, content=b'{"objects":[%b]}' % body(an_id(500), NOW)).json()
    with served.home.catalog().connect() as conn:
        found = conn.exec_driver_sql("SELECT count(*) FROM object WHERE object_id = ?", (an_id(500),)).scalar()
    assert (status["success_count"], found) == (1, 1)
    assert any(entry.action == "taxii.take" for entry in served.home.audit().entries())


def test_many_readers_at_once(served: Served) -> None:
    def read(_: int) -> int:
        with served.client() as client:
            return len(client.get(f"{OBJECTS}?match[type]=indicator").json()["objects"])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(64))) == {10}


def test_the_access_log_names_routes_and_nothing_else(served: Served) -> None:
    with served.client() as client:
        client.get(f"{OBJECTS}{an_id(1)}/?match[version]=all")
        client.get(f"{OBJECTS}?added_after=2026-01-01T00:00:00Z")
    said = served.log.read_text()
    assert "GET /haechi/collections/{collection}/objects/{object} 200" in said
    assert "GET /haechi/collections/{collection}/objects 200" in said
    for secret in (an_id(1), served.secrets.secret, served.secrets.token, "added_after", "Basic"):
        assert secret not in said
    assert served.log.stat().st_mode & 0o077 == 0


def test_an_address_that_fails_too_often_waits(served: Served) -> None:
    """Last, for this address must wait then."""
    with httpx.Client(base_url=served.url, headers={"accept": TAXII}, trust_env=False) as client:
        codes = [client.get("/haechi/", auth=("kisa", f"guess {n}")).status_code for n in range(MOST_FAILURES + 1)]
        assert codes[-1] == 429
        assert codes == sorted(codes)
        right = client.get("/haechi/", auth=(served.secrets.user, served.secrets.secret))
        assert (right.status_code, right.headers["retry-after"]) == (429, "60")
        assert client.get(OBJECTS, auth=(served.secrets.user, served.secrets.secret)).status_code == 429
    for _ in range(50):
        if any(entry.action == "login.blocked" for entry in served.home.audit().entries()):
            return
        time.sleep(0.05)
    raise AssertionError("the block was not audited")


def _process(served: Served) -> psutil.Process:
    port = int(served.url.rpartition(":")[2])
    for one in psutil.process_iter(["cmdline"]):
        if str(port) in (one.info["cmdline"] or []) and "serve" in one.info["cmdline"]:
            return one
    raise AssertionError("no server")
