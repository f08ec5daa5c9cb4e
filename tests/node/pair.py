"""Taiwan's and Korea's nodes: two real homes, the wire between them a function."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from haechi.exchange import peer_server
from haechi.exchange.caller import SIGNATURE, Caller
from haechi.exchange.message import Request, Response
from haechi.exchange.sync import Pull, Pulled, Side, converse
from haechi.formats import stixout
from haechi.model.clock import FixedClock
from haechi.model.indicator import Context, ValueType
from haechi.model.marking import Tlp
from haechi.model.release import Relation
from haechi.node import keys, peering, taxii
from haechi.node.home import Home
from haechi.node.receiving import Catalog
from haechi.store.catalog import ledger, recipients
from haechi.store.catalog.ledger import Outgoing, Taken, Written
from haechi.store.catalog.recipients import RecipientRow

NOW = 1_790_000_000_000_000


class Node:
    """One node with the other as its peer."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.key = keys.load(home.path / "keys" / keys.FILE)
        self.uuid = home.config.party_uuid
        self.peer_id = 0

    def knows(self, other: "Node") -> None:
        with self.home.catalog().begin() as conn:
            self.peer_id = recipients.add(
                conn, uuid=other.uuid, name=other.home.config.party, country=other.home.config.country, kind="peer",
                relation=Relation.COMMUNITY, now=NOW,
            ).id  # fmt: skip
            recipients.change(conn, self.peer_id, key=other.key.public_key().public_bytes_raw(), confirmed_at=NOW)

    def peer(self) -> RecipientRow:
        with self.home.catalog().connect() as conn:
            return recipients.get(conn, self.peer_id)


class Line:
    """What stands in for the HTTP client of Korea: Taiwan's server as a function, with all its signatures."""

    def __init__(self, pair: "Pair") -> None:
        self._pair = pair

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def send(self, request: Request, *, most: int, check: Callable[[Response], None]) -> Response:
        assert most
        home = self._pair.tw.home
        answer = self._pair.spoil(peering.answer(home, request, peering.recognise(home, request)))
        check(answer)
        return answer


class Pair:
    """`tw` gives, `kr` takes."""

    def __init__(self, folder: Path, database: str | None = None) -> None:
        self.clock = FixedClock(NOW)
        sides = []
        for name, country in (("TWCERT", "TW"), ("KrCERT", "KR")):
            url = database if country == "KR" else None
            home = Home.init(
                folder / country, party=name, country=country, sector="government", clock=self.clock, database=url
            )
            sides.append(Node(home))
        self.tw, self.kr = sides
        self.tw.knows(self.kr)
        self.kr.knows(self.tw)
        self.told: list[int] = []
        self.spoil: Callable[[Response], Response] = lambda answer: answer

    def indicator(self, number: int, value: str, version: int = 1, marking: Tlp = Tlp.AMBER) -> Outgoing:
        id = f"indicator--00000000-0000-4000-8000-{number:012d}"
        kind = ValueType.DOMAIN if value[-1].isalpha() else ValueType.IPV4
        body = stixout.indicator(
            id=id, kind=kind, value=value, created=NOW, modified=NOW + version, creator=f"identity--{self.tw.uuid}",
            marking=marking, context=Context(description="한국 campaign"),
        )  # fmt: skip
        return Outgoing("indicators", id, "indicator", NOW + version, body, number, 0, "[]")

    def gives(self, *objects: Outgoing, takes: Sequence[int] = ()) -> Written:
        self.clock.at += 1_000_000
        with self.tw.home.catalog().begin() as conn:
            return ledger.write(
                conn, self.tw.peer_id, objects, [Taken(seq, "[]") for seq in takes], now=self.clock.now()
            )

    def answer(self, request: Request) -> Response:
        """Taiwan's server."""
        caller = Caller(self.tw.peer(), SIGNATURE)
        with self.tw.home.catalog().begin() as conn:
            if request.path.rstrip("/").rpartition("/")[2] not in peer_server.PATHS:
                return taxii.answer(self.tw.home, request, caller, conn)
            return peer_server.answer(
                request, caller, conn, us=self.tw.uuid, key=self.tw.key, now=self.clock.now(), log=self.tw.home.audit()
            )

    def shelf(self) -> Catalog:
        return Catalog(self.kr.home, self.kr.peer(), Side(self.tw.uuid, self.tw.key.public_key()), self.told.append)

    def pull(self, send: Callable[[Request], Response] | None = None, **options: Any) -> Pulled:
        with self.shelf() as shelf:
            pull = Pull(
                peer=Side(self.tw.uuid, self.tw.key.public_key()), us=self.kr.uuid, key=self.kr.key, shelf=shelf,
                now=self.clock.now, **options,
            )  # fmt: skip
            return converse(pull, send or self.answer)

    def connected(self, monkeypatch: pytest.MonkeyPatch) -> "Pair":
        """Korea calls Taiwan over a `Line`."""
        with self.kr.home.catalog().begin() as conn:
            recipients.change(conn, self.kr.peer_id, url="http://tw.example/haechi/")
        monkeypatch.setattr(peering, "client", lambda _: Line(self))
        return self

    def close(self) -> None:
        for side in (self.tw, self.kr):
            side.home.close()
