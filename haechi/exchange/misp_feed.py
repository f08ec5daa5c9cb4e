"""A recipient's slice of the ledger as a MISP feed: which events it makes, each event, the manifest; and all by HTTP.

Live rows alone, so policy has spoken already. An event holds what one creator made under one marking in one campaign or,
without one, on one day; and no more than `PART` rows of the ledger, counted where each object was first released, so that
it stays in its event through new versions. An event's time moves with whatever came, changed or went in its part: MISP
asks for an event again when its time has grown. Source: MISP feed format (github.com/MISP/misp-rfc).
"""

import hashlib
import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from haechi.exchange.caller import Caller
from haechi.exchange.message import Request, Response
from haechi.formats import mispout, moment, stixaround
from haechi.formats.mispout import Head, Items
from haechi.formats.stixaround import Around
from haechi.formats.stixframe import Frames
from haechi.messages.catalogue import text
from haechi.model.clock import DAY
from haechi.model.errors import BadInput
from haechi.model.marking import UNMARKED, Pap, Tlp, strictest
from haechi.model.source_object import SourceObject
from haechi.model.stixid import keyed
from haechi.store.catalog import ledger_origins, recipients, slices
from haechi.store.catalog.recipients import INDICATORS, RecipientRow
from haechi.store.catalog.slices import Place, Wanted

ROOT: Final = "/misp/"
MANIFEST: Final = "manifest.json"
PART: Final = 20_000  # rows of the ledger that one event may span
NOBODY: Final = "00000000-0000-4000-8000-000000000000"  # UUID of the organisation where no creator is named
_PAGE: Final = 1000
_NAMING: Final = ("marking-definition", "relationship", "threat-actor", "intrusion-set", "malware", "tool", "campaign")
_KEPT: Final = 8  # recipients whose events are remembered


class Key(msgspec.Struct, frozen=True):
    """What is one event."""

    creator: str  # STIX id of an identity, or ""
    marking: Tlp
    pap: Pap | None
    campaign: str
    day: int  # since 1970; 0 where there is a campaign
    part: int


@dataclass(slots=True)
class Made:
    """An event as it is gathered: the sequences of its rows, its first day, its last change."""

    key: Key
    seqs: "array[int]"
    day: int
    changed: int


class _Said(msgspec.Struct):
    """What grouping needs of a body beside its indicator."""

    created: str = ""


class Feed:
    """The feed of one recipient as its slice of the ledger is now. `secret` makes the events' UUIDs."""

    def __init__(self, conn: Connection, recipient: RecipientRow, secret: bytes) -> None:
        self._recipient, self._secret = recipient, secret
        self._collection = next(one.id for one in recipients.collections(conn, recipient.id) if one.name == INDICATORS)
        self._markings: list[bytes] = []
        self._around = self._naming(conn)
        self._frames = Frames(UNMARKED)
        self._names = self._creators(conn)
        self._made: dict[str, Made] = {}
        self._gather(conn)

    def heads(self) -> list[Head]:
        """The events, in the order of their first rows."""
        return [self._head(uuid, made) for uuid, made in self._made.items()]

    def head(self, uuid: str) -> Head | None:
        """One event's; None where there is none of that UUID."""
        made = self._made.get(uuid)
        return None if made is None else self._head(uuid, made)

    def items(self, conn: Connection, uuid: str) -> Iterator[Items]:
        """What each indicator of an event gives to it."""
        made = self._made[uuid]
        for start in range(0, len(made.seqs), _PAGE):
            found = ledger_origins.bodies(conn, self._recipient.id, made.seqs[start : start + _PAGE].tolist())
            for one in self._read(found):
                if one is not None:
                    yield mispout.items(one, event=uuid)

    def event(self, conn: Connection, uuid: str) -> Iterator[bytes]:
        """One event's JSON in pieces. KeyError for another UUID."""
        return mispout.event(self._head(uuid, self._made[uuid]), self.items(conn, uuid))

    def manifest(self) -> bytes:
        """manifest.json."""
        return msgspec.json.encode({head.uuid: mispout.described(head) for head in self.heads()})

    def _pages(self, conn: Connection, *types: str) -> Iterator[list[slices.Released]]:
        after, more = 0, True
        while more:
            place = Place(recipient_id=self._recipient.id, collection_id=self._collection, after=after, limit=_PAGE)
            found, more = slices.released(conn, place, Wanted(types=types))
            if found:
                yield found
                after = found[-1].date_added

    def _naming(self, conn: Connection) -> Around:
        """What names and marks indicators from outside of them, as far as the recipient has it too."""
        bodies = [row.body for page in self._pages(conn, *_NAMING) for row in page]
        self._markings = [body for body in bodies if b'"marking-definition"' in body]
        return stixaround.around([msgspec.Raw(body) for body in bodies], ())

    def _creators(self, conn: Connection) -> dict[str, str]:
        """Names of the identities that the recipient has, by id."""
        found: dict[str, str] = {}
        for page in self._pages(conn, "identity"):
            for row in page:
                item: dict[str, Any] = msgspec.json.decode(row.body)
                found[str(item.get("id"))] = str(item.get("name") or "")[:200]
        return found

    def _gather(self, conn: Connection) -> None:
        first = ledger_origins.first_seqs(conn, self._recipient.id)
        gone = ledger_origins.withdrawn(conn, self._recipient.id, part=PART)
        moved: dict[int, int] = {}  # part -> when something in it was last superseded: it may have left an event
        for page in self._pages(conn, "indicator"):
            rows = [row for row in page if row.seq <= self._recipient.last_seq]
            for row, one in zip(rows, self._read([row.body for row in rows]), strict=True):
                part = (first.get(row.seq, row.seq) - 1) // PART
                if row.seq in first:
                    moved[part] = max(moved.get(part, 0), row.date_added)
                if one is None:
                    continue
                day = _day(row.body)
                key = self._key(one, day, part)
                made = self._made.setdefault(self._uuid(key), Made(key, array("q"), day, 0))
                made.seqs.append(row.seq)
                made.changed = max(made.changed, row.date_added)
        for made in self._made.values():
            # What was withdrawn stood in a part up to that of the row that was taken back.
            losses = [at for stretch, at in gone.items() if stretch >= made.key.part]
            made.changed = max([made.changed, moved.get(made.key.part, 0), *losses])

    def _read(self, bodies: list[bytes]) -> Iterator[SourceObject | None]:
        """The indicators with the names and labels that come along; None for one that can't be read, or is revoked."""
        for _, one in self._frames.read(bodies, self._markings):
            if isinstance(one, BadInput) or one.revoked:
                yield None
                continue
            names = self._around.names(one.object_id)
            if not names.brought and not names.actors and not names.malware and not names.campaigns:
                yield one
                continue
            context = msgspec.structs.replace(
                one.context,
                actors=tuple(dict.fromkeys((*names.actors, *one.context.actors))),
                malware=tuple(dict.fromkeys((*names.malware, *one.context.malware))),
                campaigns=tuple(dict.fromkeys((*names.campaigns, *one.context.campaigns))),
            )
            yield msgspec.structs.replace(one, context=context, marking=strictest([one.marking, *names.brought]))

    def _key(self, one: SourceObject, day: int, part: int) -> Key:
        campaign = one.context.campaigns[0] if one.context.campaigns else ""
        return Key(one.creator, one.marking, one.pap, campaign, 0 if campaign else day, part)

    def _uuid(self, key: Key) -> str:
        parts = (self._recipient.uuid, key.creator, key.marking.name, "" if key.pap is None else key.pap.name)
        return keyed(self._secret, "misp-event", *parts, key.campaign, str(key.day), str(key.part))[-36:]

    def _head(self, uuid: str, made: Made) -> Head:
        key, day = made.key, _date(made.day)
        creator = key.creator.removeprefix("identity--") or NOBODY
        return Head(
            uuid=uuid,
            info=key.campaign or text("misp.event_of_day", day=day),
            day=day,
            changed=made.changed,
            creator=creator,
            creator_name=self._names.get(key.creator) or text("misp.unnamed", creator=creator),
            marking=key.marking,
            pap=key.pap,
        )


def _day(body: bytes) -> int:
    """The day on which an indicator was made, since 1970."""
    try:
        return moment.micros(msgspec.json.decode(body, type=_Said).created) // DAY
    except (BadInput, msgspec.DecodeError):
        return 0


def _date(day: int) -> str:
    return date.fromordinal(date(1970, 1, 1).toordinal() + day).isoformat()


class Feeds:
    """Answers recipients' requests below `ROOT`: manifest.json and UUID.json. hashes.csv isn't given by HTTP."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._kept: OrderedDict[tuple[int, int, int], Feed] = OrderedDict()
        self._one = threading.Lock()  # an index is built once, however many ask at the same time

    def answer(self, request: Request, caller: Caller, conn: Connection) -> Response:
        """One request of a recognised caller. What isn't there and what isn't for them is answered alike."""
        if request.method not in ("GET", "HEAD"):
            return Response(405, {"allow": "GET, HEAD"})
        name = request.path.removeprefix(ROOT)
        if not request.path.startswith(ROOT) or not name.endswith(".json") or not caller.may_use(INDICATORS):
            return Response(404)
        recipient = recipients.get(conn, caller.recipient.id)
        tag = self._tag(recipient, name)
        headers = {"etag": tag, "cache-control": "private, no-cache", "content-type": "application/json"}
        if tag in (one.strip() for one in request.headers.get("if-none-match", "").split(",")):
            return Response(304, headers)  # only who was given it knows the tag
        feed = self._feed(conn, recipient)
        if name != MANIFEST and feed.head(name.removesuffix(".json")) is None:
            return Response(404)
        body = feed.manifest() if name == MANIFEST else b"".join(feed.event(conn, name.removesuffix(".json")))
        headers["content-length"] = str(len(body))
        return Response(200, headers, b"" if request.method == "HEAD" else body)

    def _tag(self, recipient: RecipientRow, name: str) -> str:
        """Of the slice as it is: any row more is another tag. Under the secret, for it holds ids of ours."""
        said = keyed(self._secret, "misp-tag", recipient.uuid, str(recipient.epoch), str(recipient.last_seq), name)
        return f'"{hashlib.sha256(said.encode()).hexdigest()[:32]}"'

    def _feed(self, conn: Connection, recipient: RecipientRow) -> Feed:
        key = (recipient.id, recipient.epoch, recipient.last_seq)
        with self._one:
            found = self._kept.get(key)
            if found is None:
                for older in [one for one in self._kept if one[0] == recipient.id]:
                    self._kept.pop(older, None)
                found = self._kept[key] = Feed(conn, recipient, self._secret)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            return found
