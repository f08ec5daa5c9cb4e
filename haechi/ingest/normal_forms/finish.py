"""A block's new rows into normal form: the kernel for what is plain, Unicode and URL rules for the few cells left."""

from urllib.parse import urlsplit

from haechi.ingest.normal_forms.finish_kernel import Meaning, PartyTable, finish_items, finish_rows
from haechi.ingest.normal_forms.time_kernel import TimeRule
from haechi.ingest.refusal import ARENA_FULL
from haechi.model import normal
from haechi.model.block import ITEMS, SLOW, TEXT, Block, L, T
from haechi.model.errors import BadInput


def _mailbox(text: str) -> str:
    """The address in `Kim <kim@example.com>` (RFC 5322, 3.4) or in `<kim@example.com>` (RFC 5321)."""
    if text.rstrip().endswith(">"):
        text = text[text.rfind("<") :]
    return normal.email(text)


_RULES = {
    T["domain"]: normal.domain,
    T["sni"]: normal.domain,
    T["url"]: normal.url,
    T["mail_from"]: _mailbox,
    len(TEXT) + L["answers"]: normal.domain,
    len(TEXT) + L["mail_to"]: _mailbox,
}


class Finisher:
    """Finishes one block as it fills; counts what went the slow way."""

    def __init__(self, meaning: Meaning, rule: TimeRule, parties: PartyTable) -> None:
        self._meaning, self._rule, self._parties = meaning, rule, parties
        self.refused = 0
        self._items = [0, 0]
        self.slow = 0

    def finish(self, block: Block, first_row: int) -> None:
        """Bring the rows from first_row on, and their list elements, into normal form."""
        state = block.a.state
        slow_before = int(state[SLOW])
        self.refused += finish_rows(block.a, self._meaning, self._rule, self._parties, first_row)
        for place, name in enumerate(("answers", "mail_to")):
            if self._items[place] < (count := int(state[ITEMS + L[name]])):
                self.refused += finish_items(block.a, L[name], self._items[place])
                self._items[place] = count
        for k in range(slow_before, int(state[SLOW])):
            self._slowly(block, int(block.a.slow_slot[k]), int(block.a.slow_row[k]))
        self.slow += int(state[SLOW]) - slow_before

    def reset(self) -> None:
        """The block begins anew."""
        self.refused = 0
        self._items = [0, 0]

    def _slowly(self, block: Block, slot: int, place: int) -> None:
        """One cell, or the list element `place` of slot TEXT + list, by the rules; and a URL's host as the row's name."""
        listed = slot >= len(TEXT)
        row = int(block.a.item_row[slot - len(TEXT), place]) if listed else place
        text = block.item(slot - len(TEXT), place) if listed else block.text(slot, place)
        if text is None or block.a.error[row]:
            return
        try:
            normal_text = _RULES[slot](text)
        except BadInput:
            return  # kept as the log says it, in lower case: of a name the end may be a name that is known
        fits = True
        if normal_text != text:
            put = block.put_item if listed else block.put_text
            fits = put(slot - len(TEXT) if listed else slot, place, normal_text)
        if slot == T["url"] and block.text(T["domain"], row) is None:
            fits = fits and block.put_text(T["domain"], row, urlsplit(normal_text).hostname or "")
        if not fits:
            block.a.error[row], block.a.error_field[row] = ARENA_FULL, -1 if listed else slot
            self.refused += 1
