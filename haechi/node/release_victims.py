"""Who was hit, as release must know it: which references tell, what is a party's, what stands in their place.

What a reference means is looked up in the catalog; what can't be looked up counts as telling.
"""

import hmac
import ipaddress
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection

from haechi.model import stixid
from haechi.policy import victim
from haechi.store.catalog import parties, releasable
from haechi.store.catalog.recipients import RecipientRow

_DEEPEST: Final = 4  # observables that refer to observables
_REMEMBERED: Final = 50_000


class Owned:
    """Which addresses and names belong to the parties of the catalog."""

    def __init__(self, conn: Connection) -> None:
        self._nets: dict[tuple[int, int], set[int]] = {}
        self._domains: set[str] = set()
        for party in parties.list_parties(conn):
            self._domains.update(party.domains)
            for cidr in party.networks:
                net = ipaddress.ip_network(cidr)
                key = (net.version, net.prefixlen)
                self._nets.setdefault(key, set()).add(int(net.network_address) >> (net.max_prefixlen - net.prefixlen))

    def __call__(self, kind: str, value: str) -> bool:
        """Whether a value of that STIX type is a party's. An address that can't be read is nobody's."""
        if kind == "url":
            try:
                value = urlsplit(value).hostname or ""
            except ValueError:
                return False
        try:
            net = ipaddress.ip_network(value, strict=False)
        except ValueError:
            return self._is_name(value.lower().rstrip("."))
        number, width = int(net.network_address), net.max_prefixlen
        return any(
            version == net.version and number >> (width - length) in firsts
            for (version, length), firsts in self._nets.items()
        )

    def _is_name(self, name: str) -> bool:
        while name:
            if name in self._domains:
                return True
            name = name.partition(".")[2]
        return False


class Victims:
    """Answers for one recipient: its pseudonyms are its own."""

    def __init__(self, conn: Connection, recipient: RecipientRow, *, secret: bytes, own_identity: str) -> None:
        self._conn, self._recipient, self._secret = conn, recipient, secret
        self._own_identity = own_identity
        self._told: dict[str, str] = {own_identity: ""}
        self._owned: Owned | None = None

    def ours(self, kind: str, value: str) -> bool:
        """Whether the value is a party's."""
        if self._owned is None:
            self._owned = Owned(self._conn)
        return self._owned(kind, value)

    def tells(self, reference: str, deep: int = 0) -> str:
        """The kind of field that what a reference names is; "" where it tells of nobody."""
        if reference not in self._told:
            if len(self._told) > _REMEMBERED:
                self._told = {self._own_identity: ""}
            self._told[reference] = self._look_up(reference, deep)
        return self._told[reference]

    def _look_up(self, reference: str, deep: int) -> str:
        kind = stixid.type_of(reference)
        if kind != "identity" and kind not in victim.OBSERVABLES and kind not in victim.REFERENCES:
            return ""
        if kind in ("sighting", "note", "report", "grouping", "opinion"):
            return ""  # it leaves, or not, by a decision of its own
        raw = releasable.raw_of(self._conn, reference)
        if raw is None or deep > _DEEPEST:
            return victim.IDENTITY if kind == "identity" else victim.ADDRESS
        item = msgspec.json.decode(raw)
        own = victim.kind_of(item, self.ours)
        if own or kind == "observed-data":
            return own
        return next(iter(sorted(victim.fields_of(item, lambda ref: self.tells(ref, deep + 1)))), "")

    def of(self, item: Mapping[str, Any], *, own: bool) -> frozenset[str]:
        """The fields by which an object tells who was hit. Ours also by itself: an identity, an address of a party."""
        found = victim.fields_of(item, self.tells)
        if not own or item.get("id") == self._own_identity:
            return found
        itself = victim.kind_of(item, self.ours)
        return found | {itself} if itself else found

    def alias(self, reference: str) -> str:
        """The id of a reference's pseudonym for this recipient."""
        kind = stixid.type_of(reference)
        return stixid.keyed(self._secret, victim.ALIAS_TYPES.get(kind, kind), self._recipient.uuid, reference)

    def shown(self, item: Mapping[str, Any], keep: frozenset[str]) -> dict[str, Any]:
        """The object as the recipient may see it: what tells and isn't kept is a pseudonym."""
        itself = victim.kind_of(item, self.ours)
        if itself and itself not in keep and item.get("id") != self._own_identity:
            return self.pseudonym(item)
        found = victim.redacted(item, keep, self.tells, self.alias)
        is_observable = item.get("type") in victim.REFERENCES and "modified" not in item
        if is_observable and found != item:  # its id was made from what it referred to
            found["id"] = self.alias(str(item["id"]))
        return found

    def pseudonym(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """What leaves in place of an object that tells."""
        id = str(item["id"])
        name = hmac.digest(self._secret, f"{self._recipient.uuid}:{id}".encode(), "sha256").hex()
        return victim.pseudonym(item, self.alias(id), name)
