"""What the two operators do to share, in a process of its own, while `serving` runs both nodes' servers.

    python -m haechi.demo.sharing begin HOMES INBOX --at 1773122400000000 --url TW=https://... --url KR=https://...

By the functions that the commands call. `begin`, in the morning: each side adds the other and compares the code, grants
are made, Korea syncs. `end`, when the day is over: Korea's sightings go back, Taiwan takes back what was wrong, both
compare receipts. One JSON line on stdout says what came of it; all of it is counted from what the nodes hold.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from haechi.demo import report
from haechi.demo.feeds import MISTAKEN
from haechi.demo.report import Began, Ended, Receipt, Stayed
from haechi.model.clock import FixedClock
from haechi.model.errors import NotFound
from haechi.node import granting, indicators, lookup, peers, receipts, release, sightings, sync
from haechi.node.home import Home
from haechi.node.release import Line
from haechi.node.sync import Synced
from haechi.store.catalog import parties

_BACK = ("sighting", "identity", "location")  # what Korea gives: that it saw something, in which sector and country
_EVIDENCE = 5  # ids told; `haechi sightings --only-by` gives all


def begin(giver: Home, taker: Home, urls: dict[str, str]) -> Began:
    """The morning: trust, grants, the first sync."""
    began = time.monotonic()
    code = _trust(giver, taker, urls)
    them = taker.config.party_uuid
    grant = granting.rule(giver, them)
    lines = release.preview(giver, them, [grant])
    granting.add(giver, grant)
    granting.add(taker, granting.rule(taker, giver.config.party_uuid, types=_BACK))
    gave, took = _sync(giver), _sync(taker)
    return Began(
        code=code,
        left=_left(lines),
        stayed=_stayed(lines),
        received=took.objects,
        refused=gave.refused + took.refused,
        agreed=gave.agreed and took.agreed,
        seconds=round(time.monotonic() - began, 2),
    )


def _trust(one: Home, other: Home, urls: dict[str, str]) -> str:
    """Each adds the other and confirms the code that stands on the other's screen."""
    here = peers.discover(one, urls[other.config.country], allow_private=True)
    there = peers.discover(other, urls[one.config.country], allow_private=True)
    for home, offer, code in ((one, here, there.code), (other, there, here.code)):
        peers.check_code(home, offer.identity.party, code, offer.code)
        peers.confirm(home, peers.add(home, offer).uuid, code)
    return here.code


def _sync(home: Home) -> Synced:
    """A sync with the one peer; its error, if there was one, is raised."""
    [done] = sync.run(home)
    if done.error is not None:
        raise done.error
    return done


def _left(lines: Iterable[Line]) -> dict[str, int]:
    count: Counter[str] = Counter()
    for line in lines:
        if line.action == "release":
            count[line.type] += line.count
    return dict(count)


def _stayed(lines: Iterable[Line]) -> tuple[Stayed, ...]:
    """What stays, by label and reason, the most first."""
    count: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if line.action == "stay":
            count[line.marking, "; ".join(map(str, line.reasons))] += line.count
    return tuple(Stayed(marking=key[0], reason=key[1], count=number) for key, number in count.most_common())


def end(giver: Home, taker: Home, inbox: Path, urls: dict[str, str]) -> Ended:
    """The evening: what sharing made visible, the sighting back, the withdrawal, the receipts."""
    began = time.monotonic()
    for home, other in ((giver, taker), (taker, giver)):  # served on other ports than in the morning
        peers.add(home, peers.discover(home, urls[other.config.country], allow_private=True))
    source = peers.find(taker, giver.config.party_uuid).name
    with sightings.opened(taker, sightings.Wanted(only_by=source)) as found:
        rows = list(found.rows())
    _sync(taker)
    back = _sync(giver)
    words = _words(giver, sorted({row["indicator"] for row in rows}))
    named = _names_of(taker, giver)
    mistaken = (inbox / giver.config.country / MISTAKEN).read_text().split()
    for value in mistaken:
        indicators.expire(giver, value, "retracted by own analysts")
    _sync(giver)
    took = _sync(taker)
    told = receipts.report(giver)
    return Ended(
        sightings=len(rows),
        events=len({row["event"] for row in rows}),
        indicators=len({row["indicator_id"] for row in rows}),
        sectors=dict(Counter(row["sector"] or "" for row in rows).most_common()),
        evidence=tuple(row["id"] for row in rows[:_EVIDENCE]),
        source=source,
        back=back.objects,
        words=words,
        named=named,
        withdrawn=took.withdrawn,
        confirmed=sum(word.confirmed_at is not None for word in told.words),
        unconfirmed=told.unconfirmed,
        mistaken=len(mistaken),
        still_known=sum(_is_known(taker, value) for value in mistaken),
        receipts=_receipts(giver) + _receipts(taker),
        seconds=round(time.monotonic() - began, 2),
    )


def _words(home: Home, values: list[str]) -> dict[str, int]:
    """What `lookup` tells of partners' sightings of these values: how many events, by "country, sectors"."""
    count: Counter[str] = Counter()
    for thing in lookup.lookup_all(home, values):
        for known in thing.values if isinstance(thing, lookup.Thing) else ():
            for word in known.partners if not known.covers else ():
                count[", ".join(filter(None, (word.country, *word.sectors)))] += word.count
    return dict(count.most_common())


def _names_of(taker: Home, giver: Home) -> int:
    """How many of the taker's parties the giver's catalog names, but for the one that runs the node; must be none."""
    with taker.catalog().connect() as conn:
        theirs = {party.name for party in parties.list_parties(conn) if party.uuid != taker.config.party_uuid}
    held = b"".join(path.read_bytes() for path in giver.path.glob("catalog.sqlite*"))
    return sum(name.encode() in held for name in theirs)


def _is_known(home: Home, value: str) -> bool:
    try:
        found = lookup.lookup(home, value)
    except NotFound:
        return False
    return any(known.value is not None for known in found.values)


def _receipts(home: Home) -> tuple[Receipt, ...]:
    return tuple(
        Receipt(
            country=home.config.country,
            direction=one.direction,
            collection=one.collection,
            rows=one.rows,
            root=one.root,
            agreed=one.agreed,
        )
        for one in receipts.report(home).standings
        if one.rows
    )


def main() -> None:
    """Reads the arguments, shares, prints what came of it."""
    parser = argparse.ArgumentParser(description="Let the demo's two nodes share")
    parser.add_argument("part", choices=("begin", "end"))
    parser.add_argument("homes", type=Path)
    parser.add_argument("inbox", type=Path)
    parser.add_argument("--at", type=int, required=True, help="microseconds UTC")
    parser.add_argument("--giver", required=True)
    parser.add_argument("--taker", required=True)
    parser.add_argument("--url", action="append", default=[], metavar="COUNTRY=URL")
    args = parser.parse_args()
    clock = FixedClock(args.at)
    giver, taker = (Home.open(args.homes / country, clock=clock) for country in (args.giver, args.taker))
    try:
        urls = dict(pair.split("=", 1) for pair in args.url)
        if args.part == "begin":
            done: report.Line = begin(giver, taker, urls)
        else:
            done = end(giver, taker, args.inbox, urls)
    finally:
        giver.close()
        taker.close()
    sys.stdout.write(report.encode(done))


if __name__ == "__main__":
    main()
