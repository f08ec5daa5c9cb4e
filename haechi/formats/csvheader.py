"""Which column of an indicator CSV is what: names that real feeds use, and a header line read into a plan."""

from typing import Final

import msgspec

from haechi.formats import typenames
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType

DELIMITERS: Final = ",\t;|"

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "value": ("value", "indicator", "ioc", "iocs", "observable", "indicator_value", "ioc_value", "artifact"),
    "type": ("type", "entity_type", "indicator_type", "value_type", "ioc_type", "kind", "category_type"),
    "description": ("description", "notes", "note", "comment", "comments", "desc", "meta.desc", "details"),
    "marking": ("tlp", "marking", "meta.tlp"),
    "pap": ("pap",),
    "confidence": ("confidence", "confidence_level", "meta.confidence"),
    "valid_from": ("valid_from", "validfrom"),
    "valid_until": ("valid_until", "validuntil", "expires", "expiration", "expires_at"),
    "actors": ("actor", "actors", "threat_actor", "threat-actor", "attribution", "intrusion_set"),
    "malware": ("malware", "malware_family", "family", "malware_printable"),
    "campaigns": ("campaign", "campaigns"),
    "references": ("reference", "references", "report", "meta.url"),
    "labels": ("tags", "labels", "tag", "label"),
}
_ROLE: Final = {name: role for role, names in _NAMES.items() for name in names}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to read rows: the places of value columns with the kind each is of (None: by type column or looks)."""

    delimiter: str
    names: tuple[str, ...]
    values: tuple[tuple[int, ValueType | None], ...]
    roles: tuple[tuple[str, int], ...]  # role -> place, "type" among them

    @property
    def width(self) -> int:
        return len(self.names)


def split_plainly(line: str, delimiter: str) -> list[str]:
    """The cells of a line without quotes."""
    return [cell.strip().strip('"').strip() for cell in line.split(delimiter)]


def delimiter_of(line: str) -> str:
    """The delimiter that a header line uses: the most frequent of comma, tab, semicolon and bar."""
    return max(DELIMITERS, key=line.count)


def plan(line: str) -> Plan:
    """The plan of a header line (Zeek's `#fields` too). Raises BadInput if no column holds indicators."""
    bare = line.removeprefix("\ufeff").removeprefix("#fields\t").strip("\r\n")
    delimiter = delimiter_of(bare)
    names = tuple(name.lower().replace(" ", "_").lstrip("#") for name in split_plainly(bare, delimiter))
    roles: dict[str, int] = {}
    values: list[tuple[int, ValueType | None]] = []
    for place, name in enumerate(names):
        role = _ROLE.get(name)
        if role == "value":
            values.append((place, None))
        elif role is not None and role not in roles:
            roles[role] = place
    if not values:
        values = [(place, typenames.named(name)) for place, name in enumerate(names) if name in typenames.BY_NAME]
        roles.pop("type", None)
    if not values:
        raise BadInput("list.no_column", names=", ".join(names)[:200])
    return Plan(delimiter=delimiter, names=names, values=tuple(values), roles=tuple(roles.items()))


def columns(line: str) -> tuple[str, ...]:
    """The columns of a header line that hold indicators; () if it is none."""
    try:
        found = plan(line)
    except BadInput:
        return ()
    return tuple(found.names[place] for place, _ in found.values)
