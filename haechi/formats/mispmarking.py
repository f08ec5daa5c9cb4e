"""What MISP tags, galaxies and distribution levels say about marking, actors and malware.

Tags of event, object and attribute count together, the stricter wins. Distribution 0 (your organisation only) and 4
(a sharing group that we can't see into) are at least AMBER+STRICT. Source: MISP core format, MISP taxonomies tlp, PAP.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from haechi.formats.jsondoc import text
from haechi.model import marking as markings
from haechi.model.marking import UNMARKED, Pap, Tlp

_CLOSED: Final = frozenset({"0", "4"})
_GALAXY = re.compile(r'misp-galaxy:([a-z0-9-]+)="([^"]+)"', re.IGNORECASE)
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
    closed: bool = False
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
            closed=self.closed or other.closed,
            actors=_once(self.actors + other.actors),
            malware=_once(self.malware + other.malware),
            campaigns=_once(self.campaigns + other.campaigns),
            kill_chain=_once(self.kill_chain + other.kill_chain),
            labels=_once(self.labels + other.labels),
        )

    def marking(self, default: Tlp) -> Tlp:
        """The strictest of all; `default` where nothing says any."""
        said = max(self.tlps, default=default)
        return max(said, UNMARKED) if self.closed else said

    def pap(self) -> Pap | None:
        return max(self.paps, default=None)


def read(tags: Any, galaxies: Any, distribution: Any) -> Said:
    """What one level (event, object, attribute) says."""
    said: dict[str, list[Any]] = {
        name: [] for name in ("tlps", "paps", "actors", "malware", "campaigns", "chain", "labels")
    }
    for name in _tag_names(tags):
        _tag(name, said)
    for kind, name in _clusters(galaxies):
        _galaxy(kind, name, said)
    return Said(
        tlps=tuple(said["tlps"]),
        paps=tuple(said["paps"]),
        closed=text(distribution) in _CLOSED,
        actors=_once(said["actors"]),
        malware=_once(said["malware"]),
        campaigns=_once(said["campaigns"]),
        kill_chain=_once(said["chain"]),
        labels=_once(said["labels"]),
    )


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


def _tag_names(tags: Any) -> Iterable[str]:
    for tag in tags if isinstance(tags, list) else ():
        name = text(tag.get("name")) if isinstance(tag, dict) else text(tag)
        if name:
            yield name


def _clusters(galaxies: Any) -> Iterable[tuple[str, str]]:
    for galaxy in galaxies if isinstance(galaxies, list) else ():
        clusters = galaxy.get("GalaxyCluster") if isinstance(galaxy, dict) else None
        for cluster in clusters if isinstance(clusters, list) else ():
            if isinstance(cluster, dict) and text(cluster.get("value")):
                yield (text(cluster.get("type")) or text(galaxy.get("type"))).lower(), text(cluster["value"])


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
