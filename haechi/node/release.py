"""What leaves this node: for each recipient the ledger is brought to what policy allows now.

A run looks at what changed since the last one; at everything where grants, groups or the recipient changed, or where
time alone changes a decision. It is one transaction with its entry in the audit log, which names counts and sequences.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
from sqlalchemy import Connection

from haechi.messages.catalogue import Message, decode
from haechi.model.errors import BadInput, NotFound
from haechi.model.release import Grant
from haechi.node.home import Home
from haechi.node.release_run import Run
from haechi.store.catalog import indicators, recipients, releasable
from haechi.store.catalog.ledger import Written
from haechi.store.catalog.recipients import PEER, RecipientRow


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """So many objects of one type and label, what becomes of them, and why."""

    action: str  # release | supersede | keep | stay | withdraw | revoke
    type: str
    marking: str
    count: int
    reasons: tuple[Message, ...]


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """Why one object of the catalog leaves or not, and what the recipient has of it."""

    object_id: str
    source: str
    type: str
    marking: str
    own: bool
    allowed: bool
    has: bool  # the recipient has it now, or some of its values
    victim_fields: tuple[str, ...]  # by which it tells who was hit
    granted_fields: tuple[str, ...]  # of them those that go along
    reason: Message


def run(home: Home, recipient: RecipientRow) -> Written:
    """Bring a recipient's slice of the ledger up to date; what was written.

    Nothing is written for a peer whose key isn't confirmed. Raises `NotFound` where the recipient was removed.
    """
    log = home.audit()
    with home.catalog().begin() as conn:
        change, rules = releasable.changes(conn), 2 * releasable.rules(conn) + home.config.second_person
        now = home.clock.now()
        recipient = _present(conn, recipient)
        if not _open(recipient):
            return Written()
        everything = recipient.seen_rules != rules or (recipient.good_until is not None and recipient.good_until <= now)
        if not everything and recipient.seen_change == change:
            return Written()
        work = Run(home, conn, recipient, now=now)
        work.go(None if everything else recipient.seen_change)
        until = [at for at in (work.judge.good_until, None if everything else recipient.good_until) if at is not None]
        releasable.seen(conn, recipient.id, change=change, rules=rules, good_until=min(until, default=None))
        if work.written.last_seq:
            log.append("release.run", subject=recipient.uuid, details=msgspec.to_builtins(work.written))
    return work.written


def run_all(home: Home) -> list[tuple[RecipientRow, Written]]:
    """As `run`, for every recipient that may be given anything, by name."""
    with home.catalog().connect() as conn:
        found = [one for one in recipients.every(conn) if _open(one)]
    return [(one, run(home, one)) for one in found]


def preview(home: Home, who: str, more: Sequence[Grant] = ()) -> list[Line]:
    """What a run for the recipient of that name or UUID would do, under the grants that there are and `more`.

    It is the run itself, undone: counted are objects, of lists their values. A peer needn't be confirmed for it.
    """
    with _undone(home) as conn:
        recipient = recipients.find(conn, who)
        work = Run(home, conn, recipient, now=home.clock.now(), more=more, dry=True)
        work.go(None)
        lines = [
            Line(action=told.action, type=told.type, marking=told.label, count=count, reasons=decode(told.reason))
            for told, count in work.told.items()
            if count
        ]
    return sorted(lines, key=lambda line: (line.action, line.type, line.marking, -line.count))


def explain(home: Home, id: str, who: str) -> list[Explained]:
    """Why what has that id leaves for the recipient or not, one answer a source.

    `id` is a STIX or MISP id, `list:SOURCE/NAME`, an id that we gave out, or a value. `NotFound` for any other.
    """
    with _undone(home) as conn:
        recipient = recipients.find(conn, who)
        found = releasable.find(conn, id) or _of_ledger(conn, recipient, id) or _of_value(home, conn, id)
        if not found:
            raise NotFound("release.no_object", id=id)
        work = Run(home, conn, recipient, now=home.clock.now(), dry=True)
        return [_explained(work, item) for item in found]


def _explained(work: Run, item: releasable.Item) -> Explained:
    case = work.case(item)
    given = releasable.given(work.conn, work.recipient.id, [item.object_id])
    refused = work.refusal(case, given=given, live=work.live([case])) if item.is_stix else None
    decision = case.decision
    reason = Message(decision.reason, dict(decision.arguments)) if refused is None else refused
    has = next(releasable.all_of(work.conn, work.recipient.id, item.row), None)
    return Explained(
        object_id=item.grant_id,
        source=item.source,
        type=item.type,
        marking=case.facts.label.label,
        own=item.own,
        allowed=decision.allowed and refused is None,
        has=bool(has),
        victim_fields=tuple(sorted(case.facts.fields)),
        granted_fields=tuple(sorted(decision.fields)),
        reason=reason,
    )


def _of_ledger(conn: Connection, recipient: RecipientRow, id: str) -> list[releasable.Item]:
    found = releasable.had(conn, recipient.id, [id]).get(id)
    return [] if found is None else releasable.by_rows(conn, [found.object_row])


def _of_value(home: Home, conn: Connection, text: str) -> list[releasable.Item]:
    from haechi.node.indicators import find

    try:
        values = find(home, text)
    except BadInput:
        return []
    rows = sorted(indicators.objects_of(conn, [value.id for value in values]))
    return releasable.by_rows(conn, rows)


def _present(conn: Connection, recipient: RecipientRow) -> RecipientRow:
    found = recipients.get(conn, recipient.id)
    if found.removed_at is not None:
        raise NotFound("recipient.unknown", name=found.name)
    return found


def _open(recipient: RecipientRow) -> bool:
    """Whether it may be given anything: a peer only once its key was confirmed on another channel."""
    return recipient.kind != PEER or recipient.confirmed_at is not None


class _Undo(Exception):
    """No error: it ends a transaction that is to leave nothing."""


@contextmanager
def _undone(home: Home) -> Iterator[Connection]:
    """A transaction of which nothing stays."""
    try:
        with home.catalog().begin() as conn:
            releasable.changes(conn)
            yield conn
            raise _Undo
    except _Undo:
        return
