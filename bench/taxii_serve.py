"""A served node with so many released objects, and a static page of one page's bytes beside; run by `bench.taxii`.

    python -m bench.taxii_serve PORT HOME OBJECTS

The home is made where it isn't there yet. The first line on standard output says how to log in.
"""

import asyncio
import base64
import gc
import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from litestar import Response, get

from haechi.exchange.taxii import times
from haechi.formats import stixout
from haechi.model.clock import SystemClock
from haechi.model.indicator import ValueType
from haechi.model.marking import Tlp
from haechi.model.release import Relation
from haechi.node import consumers
from haechi.node.home import Home
from haechi.store.catalog import driver, ledger, recipients, slices
from haechi.store.catalog.ledger import Outgoing
from haechi.store.catalog.slices import Place, Wanted
from haechi.web.edge import Edge
from haechi.web.front import Front

NOW = 1_790_000_000_000_000
CREATOR = "identity--5f6f6df5-5d1f-4a69-9d5e-0d9ce7bd8d4f"
LOGIN = "login"
PLACES = 8


def main(port: int, path: Path, objects: int) -> None:
    """Serve until ended."""
    home = Home.open(path) if path.exists() else made(path, objects)
    user, secret = (path / LOGIN).read_text().split()
    login = base64.b64encode(f"{user}:{secret}".encode()).decode()
    with home.catalog().connect() as conn:
        reader = recipients.find(conn, user)
        collection = next(one for one in recipients.collections(conn, reader.id) if one.name == "indicators")
        page = slices.page(conn, Place(recipient_id=reader.id, collection_id=collection.id), Wanted())
    dates = [times.added(reader.last_date - objects + objects * n // PLACES) for n in range(PLACES)]
    print(json.dumps({"authorization": f"Basic {login}", "places": dates}), flush=True)
    asyncio.run(serve(port, home, b'{"objects":[%b],"more":true}' % page.bodies))


async def serve(port: int, home: Home, page: bytes) -> None:
    """As `haechi serve` does, with one route more."""
    from haechi.web.app import routed

    headers = {"x-taxii-date-added-first": times.added(NOW), "x-taxii-date-added-last": times.added(NOW)}

    @get("/static")
    async def static() -> Response[bytes]:
        return Response(page, media_type="application/taxii+json;version=2.1", headers=headers)

    edge = Edge(home)
    routes = routed(edge)
    routes.register(static)
    gc.collect()
    gc.freeze()
    server = Server(
        Front(edge, routes), "127.0.0.1", port, interface=Interfaces.ASGI, http=HTTPModes.http1, websockets=False,
        log_enabled=False, backlog=1024,
    )  # fmt: skip
    await server.serve()


def made(path: Path, objects: int) -> Home:
    """A home with a consumer to whom the objects were released."""
    home = Home.init(path, party="TWCERT/CC", country="TW", sector="government", clock=SystemClock())
    added, secrets = consumers.add(home, name="reader", country="KR", relation=Relation.COMMUNITY)
    (path / LOGIN).write_text(f"{secrets.user}\n{secrets.secret}\n")
    with home.catalog().begin() as conn, driver.roomy(conn):
        ledger.write(conn, added.id, released(objects), now=NOW)
    return home


def released(objects: int) -> Iterator[Outgoing]:
    """Indicators as release makes them."""
    rng = np.random.default_rng(20261124)
    for number in range(objects):
        id = f"indicator--{uuid.UUID(bytes=rng.bytes(16), version=4)}"
        at = NOW + number * 1_000
        body = stixout.indicator(
            id=id, kind=ValueType.DOMAIN, value=f"host{number}.evil.example", created=at, modified=at, creator=CREATOR,
            marking=Tlp.GREEN, confidence=80, valid_from=at,
        )  # fmt: skip
        yield Outgoing("indicators", id, "indicator", at, body, number + 1, 0, "")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
