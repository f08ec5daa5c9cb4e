"""The exchange of the demo: when it happens, in which processes, and whether what came of it is what must be.

Taiwan's analysts have a campaign's indicators at six o'clock; Korea gets them before its own logs from six on are read, so
that what it then sights, and no list of its own names, is seen because Taiwan shared. At the day's end it tells Taiwan so.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from haechi.demo import report
from haechi.demo.processes import Job, run
from haechi.demo.report import Began, Ended, Receipt
from haechi.demo.score import SideScore, total
from haechi.demo.serving import serving
from haechi.demo.shape import HOUR

GIVER, TAKER = "TW", "KR"
MORNING, EVENING = 6, 24  # hours of the day; the lists of the hour are in
UNTIL_SHARED, AFTER_SHARED = (0, MORNING), (12, 18, EVENING)  # hours that the nodes live through before and after


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """Who gave to whom, the morning and the evening, and what doesn't hold of it: names of `demo.exchange.fault`."""

    giver: str
    taker: str
    began: Began
    ended: Ended
    faults: tuple[str, ...]


def begin(folder: Path, midnight: int) -> Began:
    """The morning, with both homes below `folder`; `midnight` is the day's start in microseconds UTC.

    Raises NodeCannot where a process fails; all are ended then.
    """
    [done] = [line for line in _operators("begin", folder, midnight + MORNING * HOUR) if isinstance(line, Began)]
    return done


def end(folder: Path, midnight: int) -> Ended:
    """The evening; as `begin`."""
    [done] = [line for line in _operators("end", folder, midnight + EVENING * HOUR) if isinstance(line, Ended)]
    return done


def _operators(part: str, folder: Path, at: int) -> list[report.Line]:
    """Serves both homes and lets their operators do a part."""
    said: list[report.Line] = []
    with serving({country: folder / country for country in (GIVER, TAKER)}, at, folder / "log") as urls:
        arguments = [part, str(folder), str(folder / "inbox"), f"--at={at}", f"--giver={GIVER}", f"--taker={TAKER}"]
        arguments += [f"--url={country}={url}" for country, url in urls.items()]
        run([Job(f"exchange {part}", "haechi.demo.sharing", tuple(arguments))], folder / "log", said.append)
    return said


def judged(began: Began, ended: Ended, scores: Sequence[SideScore]) -> Exchange:
    """The exchange with its faults. The scores are of what was planted: the lake's count by source must equal theirs."""
    faults = tuple(_faults(began, ended, [side for side in scores if side.country == TAKER]))
    return Exchange(giver=GIVER, taker=TAKER, began=began, ended=ended, faults=faults)


def _faults(began: Began, ended: Ended, taker: Sequence[SideScore]) -> Iterator[str]:
    if not began.left or began.refused or began.received < sum(began.left.values()):
        yield "not_received"
    if not ended.events or ended.events != total(taker, "found_shared"):
        yield "not_matched"
    if not ended.back or sum(ended.words.values()) != ended.events:
        yield "not_sighted_back"
    if ended.named:
        yield "victim_named"
    if ended.withdrawn < max(ended.mistaken, 1) or ended.still_known:  # what refers to an indicator goes with it
        yield "not_deleted"
    if ended.confirmed != ended.withdrawn or ended.unconfirmed:
        yield "not_confirmed"
    if not began.agreed or not agree(ended.receipts):
        yield "receipts_differ"


def agree(receipts: Sequence[Receipt]) -> bool:
    """Whether each collection that was sent was received with the same rows and root, and both sides say so."""
    sent = {(one.country, one.collection): one for one in receipts if one.direction == "sent"}
    received = {(one.country, one.collection): one for one in receipts if one.direction == "received"}
    other = {GIVER: TAKER, TAKER: GIVER}
    pairs = [(one, received.get((other[country], name))) for (country, name), one in sent.items()]
    return bool(pairs) and len(sent) == len(received) and all(got is not None and _same(one, got) for one, got in pairs)


def _same(sent: Receipt, received: Receipt) -> bool:
    return sent.agreed is received.agreed is True and (sent.rows, sent.root) == (received.rows, received.root)
