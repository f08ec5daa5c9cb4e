import asyncio
import base64
import json
from pathlib import Path
from typing import Any

from haechi.web.edge import Edge
from haechi.web.front import Front
from tests.web.conftest import TAXII, made


def test_what_it_answers_itself_and_what_it_hands_on(tmp_path: Path) -> None:
    home, _, secrets = made(tmp_path / "home")
    handed: list[str] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        handed.append(scope.get("path", scope["type"]))

    edge = Edge(home)
    front = Front(edge, behind)
    login = b"Basic " + base64.b64encode(f"{secrets.user}:{secrets.secret}".encode())

    def ask(path: str, query: bytes = b"", method: str = "GET", *more: tuple[bytes, bytes]) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def take(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"accept", TAXII.encode()), (b"authorization", login), *more]
        scope = {"type": "http", "method": method, "scheme": "http", "path": path, "raw_path": path.encode()}
        asyncio.run(front({**scope, "query_string": query, "client": None, "headers": headers}, None, take))
        return sent

    objects = "/haechi/collections/indicators/objects/"
    start, end = ask(objects)
    assert (start["status"], len(json.loads(end["body"])["objects"])) == (200, 10)
    assert ask(objects, b"limit=0")[0]["status"] == 400
    assert ask("/haechi/collections/nothing/objects/")[0]["status"] == 404
    assert handed == []
    ask(objects, b"match[type]=x")
    ask(objects, method="POST")
    ask("/haechi/")
    ask(objects, b"", "GET", (b"signature-input", b"x"))
    asyncio.run(front({"type": "lifespan"}, None, None))
    assert handed == [objects, objects, "/haechi/", objects, "lifespan"]
    edge.close()
    home.close()
