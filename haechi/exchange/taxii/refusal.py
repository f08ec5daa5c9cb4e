"""How a request is refused: a status and a TAXII error message (TAXII 2.1, 3.6.1), its words from the catalogue.

What isn't there and what isn't for the caller are one answer, byte for byte.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from haechi.exchange.message import Response
from haechi.exchange.taxii.media import TAXII
from haechi.messages.catalogue import text


class Refused(Exception):
    """The request ends here. `id` names the title (`taxii.refused.ID`); arguments never quote a stored object."""

    def __init__(self, status: int, id: str, /, headers: Mapping[str, str] | None = None, **arguments: Any) -> None:
        super().__init__(id)
        self.status, self.id, self.headers, self.arguments = status, id, dict(headers or {}), arguments

    def answer(self) -> Response:
        """As a message."""
        told = {"title": text(f"taxii.refused.{self.id}", **self.arguments), "http_status": str(self.status)}
        return Response(self.status, {"content-type": TAXII, **self.headers}, msgspec.json.encode(told))


def not_there() -> Refused:
    """No such thing, or none for this caller."""
    return Refused(404, "not_there")
