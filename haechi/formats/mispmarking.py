"""What MISP tags, galaxies, distribution levels and sharing groups say about marking, actors and malware.

Tags of event, object and attribute count together, the stricter wins. A distribution level can only make it stricter: 0
(your organisation only) and 4 (a sharing group: whom it names is for its owner to know) at least AMBER+STRICT, 1 and 2
(communities) at least GREEN. So can a tag that is local to the server that wrote it or not exportable; what such a tag
tells besides stays where it was. Source: MISP core format (distribution, SharingGroup, Tag), MISP taxonomies tlp, PAP.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from haechi.formats.jsondoc import text
from haechi.model import marking as markings
from haechi.model.marking import NOT_UNDERSTOOD, UNMARKED, Pap, Tlp

_FLOORS: Final[dict[str, Tlp | None]] = {
    "": None,
    "0": Tlp.AMBER_STRICT,
    "1": Tlp.GREEN,
    "2": Tlp.GREEN,
    "3": None,  # all communities
    "4": Tlp.AMBER_STRICT,
    "5": None,  # as the event says
}
_GALAXY = re.compile(r'misp-galaxy:([a-z0-9-]+)="([^"]+)"', re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CHAIN = re.compile(r'kill-chain:"?([^"]+)"?', re.IGNORECASE)
_ACTORS: Final = frozenset({"threat-actor", "mitre-intrusion-set", "mitre-enterprise-attack-intrusion-set"}) | {
    "microsoft-activity-group",
    "360net-threat-actor",
}
_MALWARE: Final = frozenset(
    "malpedia mitre-malware mitre-enterprise-attack-malware mitre-tool tool ransomware rat backdoor banker stealer botnet"
    " android cryptominers exploit-kit tds".split()
)


class Said(msgspec.Struct, frozen=True):
    """What the tags of one level or of all levels say."""

    tlps: tuple[Tlp, ...] = ()
    paps: tuple[Pap, ...] = ()
    floors: tuple[Tlp, ...] = ()  # what makes it stricter and never laxer: levels, groups, local tags
    groups: tuple[str, ...] = ()  # UUIDs of sharing groups
    actors: tuple[str, ...] = ()
    malware: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    kill_chain: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def plus(self, other: "Said") -> "Said":
        """Both together; `other` is of the inner level."""
        return Said(
            tlps=self.tlps + other.tlps,
            paps=self.paps + other.paps,
            floors=self.floors + other.floors,
            groups=_once(self.groups + other.groups),
            actors=_once(self.actors + other.actors),
            malware=_once(self.malware + other.malware),
            campaigns=_once(self.campaigns + other.campaigns),
            kill_chain=_once(self.kill_chain + other.kill_chain),
            labels=_once(self.labels + other.labels),
        )

    def marking(self, default: Tlp) -> Tlp:
        """The strictest of all; `default` where no tag says any."""
        return max(max(self.tlps, default=default), *self.floors, Tlp.CLEAR)

    def pap(self) -> Pap | None:
        return max(self.paps, default=None)


def read(level: Mapping[str, Any]) -> Said:
    """What one level (event, object, attribute) says, by its JSON object."""
    said: dict[str, list[Any]] = {
        name: [] for name in ("tlps", "paps", "floors", "actors", "malware", "campaigns", "chain", "labels")
    }
    for name, local in _tags(level.get("Tag")):
        if not local:
            _tag(name, said)
        elif name.lower().startswith("tlp:"):
            said["floors"].append(markings.parse_tlp(name))
        elif name.lower().startswith("pap:"):
            said["paps"].append(markings.parse_pap(name))
    for kind, name in _clusters(level.get("Galaxy")):
        _galaxy(kind, name, said)
    return Said(
        tlps=tuple(said["tlps"]),
        paps=tuple(said["paps"]),
        floors=(*said["floors"], *_levels(level)),
        groups=_groups(level),
        actors=_once(said["actors"]),
        malware=_once(said["malware"]),
        campaigns=_once(said["campaigns"]),
        kill_chain=_once(said["chain"]),
        labels=_once(said["labels"]),
    )


def _levels(level: Mapping[str, Any]) -> Iterable[Tlp]:
    floor = _FLOORS.get(text(level.get("distribution")), NOT_UNDERSTOOD)
    if floor is not None:
        yield floor
    if text(level.get("sharing_group_id")) not in ("", "0") or level.get("SharingGroup"):
        yield UNMARKED


def _groups(level: Mapping[str, Any]) -> tuple[str, ...]:
    group = level.get("SharingGroup")
    uuid = text(group.get("uuid")).lower() if isinstance(group, dict) else ""
    return (uuid,) if _UUID.fullmatch(uuid) else ()


def _tag(name: str, said: dict[str, list[Any]]) -> None:
    lowered = name.lower()
    galaxy = _GALAXY.fullmatch(name)
    chain = _CHAIN.fullmatch(name)
    if lowered.startswith("tlp:"):
        said["tlps"].append(markings.parse_tlp(name))
    elif lowered.startswith("pap:"):
        said["paps"].append(markings.parse_pap(name))
    elif galaxy:
        _galaxy(galaxy[1].lower(), galaxy[2], said)
    elif chain:
        said["chain"].append(f"kill-chain:{chain[1]}")
    else:
        said["labels"].append(name)


def _galaxy(kind: str, name: str, said: dict[str, list[Any]]) -> None:
    bare = re.sub(r" - [GSC]\d{4}$", "", name)  # ATT&CK's own number after the name
    if kind in _ACTORS:
        said["actors"].append(bare)
    elif kind in _MALWARE:
        said["malware"].append(bare)
    elif "campaign" in kind:
        said["campaigns"].append(bare)
    else:
        said["labels"].append(f"{kind}:{bare}")


def _tags(tags: Any) -> Iterable[tuple[str, bool]]:
    """Each tag's name, and whether it is its server's own affair."""
    for tag in tags if isinstance(tags, list) else ():
        fields = tag if isinstance(tag, dict) else {"name": tag}
        name = text(fields.get("name"))
        if name:
            yield name, _is(fields.get("local")) or fields.get("exportable") in (False, 0, "0")


def _clusters(galaxies: Any) -> Iterable[tuple[str, str]]:
    for galaxy in galaxies if isinstance(galaxies, list) else ():
        clusters = galaxy.get("GalaxyCluster") if isinstance(galaxy, dict) else None
        for cluster in clusters if isinstance(clusters, list) else ():
            if isinstance(cluster, dict) and text(cluster.get("value")) and not _is(cluster.get("local")):
                yield (text(cluster.get("type")) or text(galaxy.get("type"))).lower(), text(cluster["value"])


def _is(value: Any) -> bool:
    return value in (True, 1, "1", "true")


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
