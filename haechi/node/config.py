"""The node's settings file, haechi.toml: who the node is and where its catalog lies. Secrets have no place in it."""

import tomllib
from pathlib import Path
from typing import Final

import msgspec

from haechi.model.errors import BadInput, NodeCannot
from haechi.model.location import Location

FILE: Final = "haechi.toml"
HOME_VERSION: Final = 1  # of the home folder's layout; grows with each change that an older Haechi can't read

_HEADER: Final = "# This node's settings. Written by 'haechi init'.\n"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What haechi.toml holds."""

    version: int  # of the home folder, HOME_VERSION
    node: str  # random UUID of this node
    party: str  # name of the party that runs it
    party_uuid: str  # that party in the catalog; the name there may be corrected
    country: str  # ISO 3166-1 alpha-2
    sector: str  # one of model.party.SECTORS
    database: str = ""  # "": catalog.sqlite in the home; else postgresql://USER@HOST/NAME (passwords in ~/.pgpass)
    second_person: bool = False  # grants of RED, of victim fields, of others' AMBER wait for another user's approval

    def __repr__(self) -> str:
        return f"Config(node={self.node!r}, party={self.party!r}, database={'...' if self.database else ''!r})"


def encode(config: Config) -> str:
    """The file's text."""
    fields = msgspec.structs.asdict(config)
    return _HEADER + "".join(f"{name} = {_value(value)}\n" for name, value in fields.items())


def _value(value: str | int | bool) -> str:
    # A JSON string is a TOML basic string but for DEL, which TOML wants escaped (toml.io, v1.0.0, String).
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007F")


def read(path: Path) -> Config:
    """The settings; `NodeCannot` if a newer Haechi wrote them, `BadInput` where they can't be read."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput("settings.not_toml", location=Location(path=str(path)), cause=str(error)) from error
    version = found.get("version")
    if isinstance(version, int) and version > HOME_VERSION:
        raise NodeCannot("home.newer", path=str(path.parent), version=version, known=HOME_VERSION)
    try:
        return msgspec.convert(found, Config)
    except msgspec.ValidationError as error:
        raise BadInput("settings.wrong", location=Location(path=str(path)), cause=str(error)) from error
