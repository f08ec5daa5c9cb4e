"""HTTP as plain values, so that a protocol is a function from message to message and two nodes play in one test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `target` is path and query as sent; header names are lower case; `authority` as in the Host header."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    scheme: str = "http"
    authority: str = ""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> Sequence[tuple[str, str]]:
        """The query's pairs, decoded, in order; an empty value counts."""
        from urllib.parse import parse_qsl

        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def url(self) -> str:
        """The absolute URI."""
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
