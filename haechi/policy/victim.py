"""What in a STIX object tells who was hit, and the object without it. Pure: what a reference means is asked of the caller.

Three kinds of telling field, the words that a grant uses: `identity` (the organisation or person), `address` (its
addresses, names and MAC addresses), `user` (its accounts and mail addresses). Without a grant each leaves as a
pseudonym that is stable for one recipient, and with the value goes its id: the UUIDv5 of an address is found in minutes.
Source: STIX 2.1, sections 2.9 (deterministic ids), 4.5, 4.14, 5.1, 5.2, 6.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

IDENTITY, ADDRESS, USER = "identity", "address", "user"
FIELDS: Final = (IDENTITY, ADDRESS, USER)

# STIX type -> its properties that refer to whom or what was hit, if what they refer to tells.
REFERENCES: Final[Mapping[str, tuple[str, ...]]] = {
    "sighting": ("where_sighted_refs",),
    "observed-data": ("object_refs",),
    "network-traffic": ("src_ref", "dst_ref", "src_payload_ref", "dst_payload_ref", "encapsulates_refs"),
    "email-message": ("to_refs", "cc_refs", "bcc_refs"),
    "domain-name": ("resolves_to_refs",),
    "process": ("creator_user_ref", "opened_connection_refs"),
    "note": ("object_refs",),
    "report": ("object_refs",),
    "grouping": ("object_refs",),
    "opinion": ("object_refs",),
}
# A relationship of these types names in target_ref who is meant, hit or seen.
AIMED: Final = frozenset({"targets", "compromises", "exfiltrates-to", "impersonates"})

# Cyber-observable -> kind of field, and the property that holds the value.
OBSERVABLES: Final[Mapping[str, tuple[str, str]]] = {
    "ipv4-addr": (ADDRESS, "value"),
    "ipv6-addr": (ADDRESS, "value"),
    "domain-name": (ADDRESS, "value"),
    "url": (ADDRESS, "value"),
    "mac-addr": (ADDRESS, "value"),
    "email-addr": (USER, "value"),
    "user-account": (USER, "user_id"),
}
# Of these every one is somebody's; of the others those that lie in a party's networks or domains.
ALWAYS: Final = frozenset({"mac-addr", "email-addr", "user-account"})
# Properties with raw content, in which anything may stand: they never leave, whatever is granted.
RAW: Final = frozenset({"payload_bin", "raw_email_ref", "body", "body_multipart", "objects"})
_RAW_OF: Final = frozenset({"artifact", "email-message", "observed-data", "network-traffic"})

Tells = Callable[[str], str]  # a reference -> the kind of field that what it refers to is; "" for nothing
Alias = Callable[[str], str]  # a reference -> the id of its pseudonym
Ours = Callable[[str, str], bool]  # STIX type and value -> whether it is a party's of our catalog


def kind_of(item: Mapping[str, Any], ours: Ours) -> str:
    """The kind of field that an object itself is; "" where it tells of nobody. An identity tells unless it is a class.

    >>> kind_of({"type": "ipv4-addr", "value": "192.0.2.1"}, lambda kind, value: True)
    'address'
    """
    kind = str(item.get("type", ""))
    if kind == "identity":
        return "" if item.get("identity_class") == "class" else IDENTITY
    if kind not in OBSERVABLES:
        return ""
    field, name = OBSERVABLES[kind]
    return field if kind in ALWAYS or ours(kind, str(item.get(name, ""))) else ""


def fields_of(item: Mapping[str, Any], tells: Tells) -> frozenset[str]:
    """The kinds of field by which an object tells who was hit, through what it refers to."""
    return frozenset(tells(ref) for _, ref in _references(item)) - {""}


def _references(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each reference that may tell, with its property."""
    kind = item.get("type")
    names = REFERENCES.get(str(kind), ())
    if kind == "relationship" and item.get("relationship_type") in AIMED:
        names = ("target_ref",)
    found: list[tuple[str, str]] = []
    for name in names:
        value = item.get(name)
        refs = value if isinstance(value, list) else [value]
        found += [(name, ref) for ref in refs if isinstance(ref, str)]
    return found


def has_raw(item: Mapping[str, Any]) -> bool:
    """Whether the object carries raw content."""
    return item.get("type") in _RAW_OF and bool(RAW & item.keys())


def redacted(item: Mapping[str, Any], keep: frozenset[str], tells: Tells, alias: Alias) -> dict[str, Any]:
    """The object with each telling reference that isn't kept replaced by its pseudonym, and without raw content."""
    found = {name: value for name, value in item.items() if not (name in RAW and item.get("type") in _RAW_OF)}
    for name in {name for name, _ in _references(item)}:
        value = found[name]
        changed = [
            alias(ref) if isinstance(ref, str) and tells(ref) not in ("", *keep) else ref
            for ref in (value if isinstance(value, list) else [value])
        ]
        found[name] = changed if isinstance(value, list) else changed[0]
    return found


def pseudonym(item: Mapping[str, Any], id: str, name: str) -> dict[str, Any]:
    """What leaves in place of an object that tells who was hit: same type, `id` and a value made of `name` (hex digits).

    An address becomes one of the documentation prefix (RFC 3849), a domain one of `.invalid` (RFC 2606).
    """
    kind = str(item.get("type", ""))
    if kind == "identity":
        kept = {key: item[key] for key in ("type", "spec_version", "created", "modified", "object_marking_refs", "sectors") if key in item}  # fmt: skip
        return {**kept, "id": id, "identity_class": "unknown", "name": f"undisclosed-{name[:12]}"}
    made = {
        "ipv4-addr": "2001:db8:" + ":".join(name[at : at + 4] for at in range(0, 24, 4)),
        "ipv6-addr": "2001:db8:" + ":".join(name[at : at + 4] for at in range(0, 24, 4)),
        "domain-name": f"{name[:24]}.invalid",
        "url": f"https://{name[:24]}.invalid/",
        "mac-addr": ":".join(["02", *(name[at : at + 2] for at in range(0, 10, 2))]),
        "email-addr": f"{name[:24]}@undisclosed.invalid",
        "user-account": name[:24],
    }
    marked = {"object_marking_refs": item["object_marking_refs"]} if "object_marking_refs" in item else {}
    shown = ALIAS_TYPES.get(kind, kind)
    return {"type": shown, "spec_version": "2.1", "id": id, OBSERVABLES[kind][1]: made[kind], **marked}


# An IPv4 address has too few documentation addresses to be told apart by.
ALIAS_TYPES: Final[Mapping[str, str]] = {"ipv4-addr": "ipv6-addr"}
