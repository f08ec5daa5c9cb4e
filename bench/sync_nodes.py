"""The two homes of the benchmark `sync`: made, filled, released; and changed."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from haechi.formats import stixout
from haechi.model import stixid
from haechi.model.clock import SystemClock
from haechi.model.indicator import Context, ValueType
from haechi.model.marking import Tlp
from haechi.model.release import Relation
from haechi.node import keys
from haechi.node.home import Home
from haechi.store.catalog import ledger, recipients
from haechi.store.catalog.ledger import Outgoing

AT = 1_790_000_000_000_000


def main() -> None:
    """`prepare|change FOLDER PORT COUNT`: writes what it took as JSON."""
    part, folder, port, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    begun = time.perf_counter()
    if part == "prepare":
        homes = [_home(folder / "tw", "TWCERT", "TW"), _home(folder / "kr", "KrCERT", "KR")]
        _know(homes[0], homes[1], "")
        _know(homes[1], homes[0], f"http://127.0.0.1:{port}/haechi/")
        begun = time.perf_counter()
    tw = Home.open(folder / "tw")
    with tw.catalog().begin() as conn:
        peer = recipients.find(conn, "KrCERT").id
        ledger.write(conn, peer, _objects(tw, count, version=part == "change"), now=SystemClock().now())
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": round(seconds, 2), "objects_per_second": round(count / seconds)}))


def _home(path: Path, party: str, country: str) -> Home:
    return Home.init(path, party=party, country=country, sector="government", clock=SystemClock())


def _know(home: Home, other: Home, url: str) -> None:
    key: Ed25519PublicKey = keys.load(other.path / "keys" / keys.FILE).public_key()
    with home.catalog().begin() as conn:
        added = recipients.add(
            conn,
            uuid=other.config.party_uuid,
            name=other.config.party,
            country=other.config.country,
            kind="peer",
            relation=Relation.COMMUNITY,
            now=AT,
            url=url,
            key=key.public_bytes_raw(),
            allow_private=True,
        )
        recipients.change(conn, added.id, confirmed_at=AT)


def _objects(home: Home, count: int, *, version: bool) -> Iterator[Outgoing]:
    """Addresses, names, digests and links, as a campaign's list holds them."""
    secret = keys.secret(home, stixid.IDS)
    creator = f"identity--{home.config.party_uuid}"
    context = Context(description="A campaign against both countries", labels=("malicious-activity",))
    modified = AT + (1_000_000 if version else 0)
    for n in range(count):
        kind, value = _value(n)
        id = stixid.keyed(secret, "indicator", kind.value, value)
        body = stixout.indicator(
            id=id, kind=kind, value=value, created=AT, modified=modified, creator=creator, marking=Tlp.AMBER,
            confidence=70, context=context,
        )  # fmt: skip
        yield Outgoing("indicators", id, "indicator", modified, body, 1, n + 1, "")


def _value(n: int) -> tuple[ValueType, str]:
    match n % 4:
        case 0 | 1:
            return ValueType.IPV4, f"{45 + (n >> 24)}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"
        case 2:
            return ValueType.DOMAIN, f"host{n}.campaign{n % 97}.example"
        case _:
            return ValueType.SHA256, f"{n:064x}"


if __name__ == "__main__":
    main()
