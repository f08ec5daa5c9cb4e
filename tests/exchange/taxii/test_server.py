import pytest
from sqlalchemy import Engine

from tests.exchange.taxii.shared import Site, an_id, outgoing

OBJECTS = "/haechi/collections/INDICATORS/objects/"


@pytest.fixture
def site(engine: Engine) -> Site:
    return Site(engine)


def test_the_way_from_discovery_to_the_objects(site: Site) -> None:
    site.release(outgoing(1), outgoing(2))
    assert site.read("/taxii2/")["api_roots"] == ["/haechi/"]
    assert site.read("/haechi/")["versions"] == ["application/taxii+json;version=2.1"]
    found = {one["alias"]: one for one in site.read("/haechi/collections/")["collections"]}
    assert (found["indicators"]["can_read"], found["inbox"]["can_write"]) == (True, True)
    assert [one["id"] for one in site.read(OBJECTS)["objects"]] == [an_id(1), an_id(2)]
