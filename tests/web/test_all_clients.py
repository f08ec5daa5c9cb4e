"""Other people's clients, unmodified, read from and write to a running node."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from requests.auth import AuthBase
from stix2 import Filter, TAXIICollectionSink, TAXIICollectionSource
from taxii2client.exceptions import AccessError
from taxii2client.v21 import ApiRoot, Collection, Server, as_pages

from haechi.exchange.taxii import times
from tests.exchange.taxii.shared import DAY, NOW, an_id, body
from tests.web.conftest import Served


@pytest.fixture
def root(served: Served) -> ApiRoot:
    server = Server(f"{served.url}/taxii2/", user=served.secrets.user, password=served.secrets.secret)
    assert server.title == "Haechi of TWCERT/CC"
    assert server.default.url == f"{served.url}/haechi/"
    return server.api_roots[0]


def of(root: ApiRoot, alias: str) -> Collection:
    return next(one for one in root.collections if one.alias == alias)


class Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def test_the_api_root(root: ApiRoot) -> None:
    assert (root.title, root.max_content_length) == ("Haechi of TWCERT/CC", 10 << 20)
    assert root.versions == ["application/taxii+json;version=2.1"]
    assert {one.alias: (one.can_read, one.can_write) for one in root.collections} == {
        "indicators": (True, False),
        "sightings": (True, False),
        "inbox": (False, True),
    }


def test_objects_pages_and_manifest(root: ApiRoot) -> None:
    indicators = of(root, "indicators")
    wanted = [an_id(n) for n in range(1, 11)]
    assert [one["id"] for one in indicators.get_objects()["objects"]] == wanted
    pages = list(as_pages(indicators.get_objects, per_request=3))
    assert [len(page["objects"]) for page in pages] == [3, 3, 3, 1]
    assert [one["id"] for page in pages for one in page["objects"]] == wanted
    listed = [one["id"] for page in as_pages(indicators.get_manifest, per_request=4) for one in page["objects"]]
    assert listed == wanted
    after = datetime.fromtimestamp(NOW / 1e6, UTC)
    assert [one["id"] for one in indicators.get_objects(added_after=after)["objects"]] == wanted[1:]
    assert indicators.get_objects(id=wanted[2:4], type=["indicator"], version="last")["objects"][0]["id"] == wanted[2]
    assert indicators.get_object(wanted[0])["objects"][0]["id"] == wanted[0]
    assert indicators.get_objects(type="malware") == {}
    assert of(root, "sightings").get_objects() == {}


def test_a_bearer_token(served: Served) -> None:
    collection = Collection(f"{served.url}/haechi/collections/indicators/", auth=Bearer(served.secrets.token))
    assert len(collection._conn.get(collection.objects_url)["objects"]) == 10


def test_what_is_added_and_its_status(root: ApiRoot) -> None:
    inbox = of(root, "inbox")
    good, bad = json.loads(body(an_id(101), NOW - DAY)), {"type": "indicator", "id": "x"}
    status = inbox.add_objects({"objects": [good, bad]})
    assert (status.status, status.success_count, status.failure_count) == ("complete", 1, 1)
    assert (status.successes[0]["id"], status.failures[0]["id"]) == (an_id(101), "x")
    again = root.get_status(status.id)
    assert again._raw == status._raw
    status.refresh()
    with pytest.raises(AccessError):
        inbox.get_objects()
    with pytest.raises(AccessError):
        of(root, "indicators").add_objects({"objects": [good]})


def test_stix2_reads_and_writes(root: ApiRoot) -> None:
    source = TAXIICollectionSource(of(root, "indicators"))
    found = source.query([Filter("type", "=", "indicator")])
    assert sorted(one.id for one in found) == [an_id(n) for n in range(1, 11)]
    assert source.get(an_id(3)).pattern == "[domain-name:value = 'evil.example']"
    assert [one.id for one in source.all_versions(an_id(3))] == [an_id(3)]
    TAXIICollectionSink(of(root, "inbox")).add(source.get(an_id(4)))
    assert times.parsed(times.added(NOW)) == NOW
