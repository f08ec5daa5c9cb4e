"""What the OpenAPI document says of each resource: parameters, body, answers. Source: TAXII 2.1, sections 4 and 5.

Litestar makes the document from the routes; the handlers take the request as it is, so what they read is told here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)

from haechi.exchange.taxii import media
from haechi.exchange.taxii.query import LARGEST_PAGE

_TIME: Final = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME)
_TEXT: Final = Schema(type=OpenAPIType.STRING)
_FILTERS: Final[dict[str, Schema]] = {
    "added_after": _TIME,
    "limit": Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=LARGEST_PAGE),
    "next": _TEXT,
    "match[id]": _TEXT,
    "match[type]": _TEXT,
    "match[version]": _TEXT,
    "match[spec_version]": _TEXT,
}
PAGE: Final = ("added_after", "limit", "next")
EVERY: Final = tuple(_FILTERS)
OF_OBJECT: Final = (*PAGE, "match[version]", "match[spec_version]")
OF_VERSIONS: Final = (*PAGE, "match[spec_version]")
_REFUSALS: Final = ("400", "401", "403", "404", "406", "429")
_ERROR: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["title"],
    properties={"title": _TEXT, "http_status": _TEXT},
)
_OBJECT: Final = Schema(type=OpenAPIType.OBJECT)
_ENVELOPE: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["objects"],
    properties={"objects": Schema(type=OpenAPIType.ARRAY, items=_OBJECT, min_items=1)},
)


def described(
    *,
    of_path: Sequence[str] = (),
    filters: Sequence[str] = (),
    status: str = "200",
    refused: Sequence[str] = _REFUSALS,
    writes: bool = False,
    kind: str = media.TAXII,
) -> type[Operation]:
    """An operation that takes these parts of the path and query parameters, and answers so."""

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            parts = [Parameter(name=name, param_in="path", required=True, schema=_TEXT) for name in of_path]
            self.parameters = [
                *parts,
                *(Parameter(name=name, param_in="query", schema=_FILTERS[name]) for name in filters),
            ]
            answers = {status: _answer(_OBJECT, kind)} | {one: _answer(_ERROR) for one in refused}
            if writes:
                answers |= {one: _answer(_ERROR) for one in ("408", "413", "415", "422")}
                self.request_body = RequestBody(
                    required=True, content={media.TAXII: OpenAPIMediaType(schema=_ENVELOPE)}
                )
            self.responses = dict(answers)

    return Described


def _answer(schema: Schema, kind: str = media.TAXII) -> OpenAPIResponse:
    content: dict[str, Any] = {kind: OpenAPIMediaType(schema=schema)}
    return OpenAPIResponse(description="", content=content)
