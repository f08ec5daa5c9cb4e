"""Between ASGI and the messages that protocols speak: a request from a scope, an answer as what is sent."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from haechi.exchange.message import Request, Response


def received(scope: Mapping[str, Any], body: bytes = b"") -> Request:
    """The request: path and query as sent, fields of one name joined (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    target, query = scope["raw_path"].decode("latin-1"), scope["query_string"]
    if query:
        target = f"{target}?{query.decode('latin-1')}"
    return Request(scope["method"], target, headers, body, scope["scheme"], headers.get("host", ""))


def client(scope: Mapping[str, Any]) -> str:
    """The address at the other end; "" over a unix socket."""
    found = scope["client"]
    return str(found[0]) if found else ""


@lru_cache(maxsize=256)  # most are always the same
def _encoded(field: str) -> bytes:
    return field.encode("latin-1")


async def send(answer: Response, sender: Any) -> None:
    """Send an answer whole."""
    headers = [(_encoded(name), _encoded(value)) for name, value in answer.headers.items()]
    headers.append((b"content-length", b"%d" % len(answer.body)))
    await sender({"type": "http.response.start", "status": answer.status, "headers": headers})
    await sender({"type": "http.response.body", "body": answer.body})
