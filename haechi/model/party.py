"""Who owns which network: the parties of both countries."""

import msgspec

SECTORS: tuple[str, ...] = (
    "government",
    "energy",
    "water",
    "telecommunications",
    "transport",
    "finance",
    "health",
    "high-tech",
    "semiconductor",  # below high-tech
    "defence",
    "food",
    "media",
)

PARENT_SECTOR: dict[str, str] = {"semiconductor": "high-tech"}


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation: a STIX identity with a random UUID of its own node, never derived from a name.

    `id` is the catalog's int32, which events carry; names are joined at read, so a correction corrects the past.
    """

    id: int
    uuid: str
    name: str
    country: str  # ISO 3166-1 alpha-2: TW, KR
    sector: str  # one of SECTORS
    networks: tuple[str, ...] = ()  # CIDR prefixes in normal form
    asns: tuple[int, ...] = ()
    domains: tuple[str, ...] = ()
    contact: str = ""
