"""The synthetic world of the demo: both countries' parties and networks, and what ordinary traffic is made of.

No address or name here can reach anybody. Own networks lie in 10.0.0.0/8 (RFC 1918) and 2001:db8::/32 (RFC 3849), the
rest of the internet in 100.64.0.0/10 (RFC 6598) and 2001:db8:8000::/33, names end in
`.example` (RFC 2606). The attackers' own values are in `plan` and never drawn here. A few real, well-known services
(8.8.8.8, www.google.com) occur so that an indicator list that names them by mistake is put to the test.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from haechi.demo.matrix import Bytes, decimals, table
from haechi.model.party import SECTORS

HOSTS4, HOSTS6 = 160, 40  # a party's hosts that are seen in logs
HOSTS = HOSTS4 + HOSTS6
RESOLVERS = (b"10.%d.0.53", b"10.%d.1.53")


@dataclass(frozen=True, slots=True)
class Side:
    """One country's node: its code, its offset from UTC, its slice of the private ranges, its day's load."""

    country: str
    zone: str
    offset_hours: int
    first_net: int  # second octet of the first party's /16
    events: int  # a day
    scope: str  # id of the text that says what the load is an average of

    @property
    def offset(self) -> str:
        return f"+{self.offset_hours:02d}:00"


TAIWAN = Side("TW", "Asia/Taipei", 8, 16, 2_400_000, "demo.average_tw")
KOREA = Side("KR", "Asia/Seoul", 9, 80, 1_620_000, "demo.average_kr")
SIDES = {side.country: side for side in (TAIWAN, KOREA)}


@dataclass(frozen=True, slots=True)
class DemoParty:
    """A made-up organisation."""

    name: str
    country: str
    sector: str
    networks: tuple[str, str]  # IPv4 /16, IPv6 /48
    domain: str


def parties(side: Side) -> list[DemoParty]:
    """Some 30 parties over all sectors: government has six, energy, telecommunications and semiconductor four."""
    many = {"government": 6, "energy": 4, "telecommunications": 4, "semiconductor": 4}
    named = [(s, n) for s in SECTORS for n in range(1, many.get(s, 2) + 1)]
    return [
        DemoParty(
            name=f"{side.country}-synthetic-{sector}-{number:02d}",
            country=side.country,
            sector=sector,
            networks=(f"10.{side.first_net + i}.0.0/16", f"2001:db8:{side.first_net + i:x}::/48"),
            domain=f"{sector}-{number:02d}.{side.country.lower()}.example",
        )
        for i, (sector, number) in enumerate(named)
    ]


def _own(side: Side, count: int) -> tuple[Bytes, Bytes]:
    """All hosts and the IPv4 ones. Party i's are rows i * HOSTS (or HOSTS4) to (i + 1) * HOSTS (or HOSTS4)."""
    both: list[bytes] = []
    four: list[bytes] = []
    for net in range(side.first_net, side.first_net + count):
        own = [b"10.%d.%d.%d" % (net, 2 + h // 100, 1 + h % 100 * 2) for h in range(HOSTS4)]
        four += own
        both += own + [b"2001:db8:%x:%x::%x" % (net, 1 + h // 20, 16 + h) for h in range(HOSTS6)]
    return table(both), table(four)


def _remote(rng: np.random.Generator, size: int) -> tuple[Bytes, Bytes]:
    """The internet's other addresses, the most active first: one in five IPv6, and the IPv4 ones alone."""
    four = [b"100.%d.%d.%d" % (64 + (a >> 16), a >> 8 & 255, a & 255) for a in rng.permutation(1 << 22)[:size].tolist()]
    mixed = list(four)
    six = rng.integers(1, 1 << 15, (len(mixed[::5]), 3))
    mixed[::5] = [b"2001:db8:%x:%x::%x" % (0x8000 | a, b, c) for a, b, c in six.tolist()]
    return table(mixed), table(four)


_WORD_TEXT = (
    "mail portal news cdn static api login shop bank map video image update cloud game forum blog docs pay ticket "
    "school city health tax post rail bus weather stock music photo search chat drive meet store travel food"
)
_WORDS = _WORD_TEXT.split()
_BAIT = ("www.google.com", "www.microsoft.com", "github.com", "www.naver.com", "www.yahoo.com.tw")


def _domains(side: Side, size: int) -> Bytes:
    names = [
        f"{_WORDS[i % 38]}{i // 38 or ''}.{_WORDS[(i * 7 + 3) % 38]}-{i % 997}.{side.country.lower()}.example"
        for i in range(size)
    ]
    for n, bait in enumerate(_BAIT):
        names[20 + n * 30] = bait
    return table(name.encode() for name in names)


def _paths(size: int) -> Bytes:
    kinds = ("/", "/index.html", "/api/v1/item/%d", "/static/js/app.%d.js", "/img/%d.png", "/search?q=%d", "/news/%d")
    return table((k % i if "%" in k else k).encode() for i in range(size) for k in (kinds[i % len(kinds)],))


def digests(kind: str, label: str, size: int) -> list[bytes]:
    """`size` hexadecimal digests of the kind (md5, sha1, sha256), of nothing that exists."""
    return [hashlib.new(kind, f"haechi demo {label} {i}".encode()).hexdigest().encode() for i in range(size)]


_AGENTS = (
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36",
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
    b"Mozilla/5.0 (X11; Linux x86_64; rv:138.0) Gecko/20100101 Firefox/138.0",
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    b"curl/8.5.0",
    b"python-requests/2.32.3",
    b"Go-http-client/1.1",
    b"masscan/1.3",
    b"Mozilla/5.0 zgrab/0.x",
)

# Emerging Threats' own words for what a border sensor sees most (ET OPEN rules, BSD licence): id, revision, text,
# class, priority.
_SIGNATURES = (
    (2001219, 20, "ET SCAN Potential SSH Scan", "Attempted Information Leak", 2),
    (2010935, 3, "ET SCAN Suspicious inbound to MSSQL port 1433", "Potentially Bad Traffic", 2),
    (2010937, 3, "ET SCAN Suspicious inbound to mySQL port 3306", "Potentially Bad Traffic", 2),
    (2010939, 3, "ET SCAN Suspicious inbound to PostgreSQL port 5432", "Potentially Bad Traffic", 2),
    (2002911, 6, "ET SCAN Potential VNC Scan 5900-5920", "Attempted Information Leak", 2),
    (2023753, 2, "ET SCAN MS Terminal Server Traffic on Non-standard Port", "Attempted Information Leak", 2),
    (2008578, 6, "ET SCAN Sipvicious Scan", "Attempted Information Leak", 2),
    (2019876, 4, "ET SCAN SSH BruteForce Tool with fake PUTTY version", "Detection of a Network Scan", 3),
    (
        2034647,
        1,
        "ET EXPLOIT Apache log4j RCE Attempt (http ldap) (CVE-2021-44228)",
        "Attempted Administrator Privilege Gain",
        1,
    ),
    (2027063, 4, "ET EXPLOIT Possible OpenSSL HeartBleed Large HeartBeat Response", "Attempted Information Leak", 2),
    (2210044, 2, "SURICATA STREAM Packet with invalid timestamp", "Generic Protocol Command Decode", 3),
    (2260002, 1, "SURICATA Applayer Detect protocol only one direction", "Generic Protocol Command Decode", 3),
)
_USERS = b"root admin test oracle ubuntu postgres guest user ftp git pi deploy mysql nagios jenkins www backup hadoop".split()


def _seconds(day: date, side: Side, form: str) -> Bytes:
    """86,400 local wall-clock texts, one for each UTC second of the day."""
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=side.offset_hours)
    hours = [(first + timedelta(hours=h)).strftime(form.replace("%M:%S", "@")) for h in range(24)]
    minutes = [f"{m // 60:02d}:{m % 60:02d}" for m in range(3600)]
    return table(hour.replace("@", minute).encode() for hour in hours for minute in minutes)


def pools(side: Side, day: date, seed: int, scale: float) -> dict[str, Bytes]:
    """All tables of texts that clean lines are made of. `scale` (1 for the whole day) sets how many values there are."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, side.first_net, 1]))
    members = parties(side)
    size = max(int(200_000 * scale), 2_000)
    epoch = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    names = digests("sha256", f"file {side.country}", max(size // 40, 50))
    own, own4 = _own(side, len(members))
    remote, remote4 = _remote(rng, size)
    return {
        "own": own,
        "own4": own4,
        "remote": remote,
        "remote4": remote4,
        "resolver": table(
            [*(r % (side.first_net + i) for i in range(len(members)) for r in RESOLVERS), b"8.8.8.8", b"168.95.1.1"]
        ),
        "domain": _domains(side, max(size // 4, 500)),
        "path": _paths(max(size // 10, 200)),
        "agent": table(_AGENTS),
        "signature": table(
            f'"signature_id":{i},"rev":{r},"signature":"{t}","category":"{c}","severity":{p}'.encode()
            for i, r, t, c, p in _SIGNATURES
        ),
        "user": table(_USERS),
        "sha256": table(names),
        "md5": table(digests("md5", f"file {side.country}", len(names))),
        "ja3": table(digests("md5", "client", 200)),
        "cert": table(
            b":".join(d[i : i + 2] for i in range(0, 40, 2))
            for d in digests("sha1", f"certificate {side.country}", 2_000)
        ),
        "service": table(b"%d" % p for p in (22, 443, 80, 3389, 445, 1433, 23, 5060, 8080, 3306, 5900, 8443, 25, 6379)),
        "certificate": table(digests("sha256", f"certificate {side.country}", 2_000)),
        "host": table(p.domain.split(".")[0].encode() for p in members),
        "thousand": decimals(3),
        "iso": _seconds(day, side, "%Y-%m-%dT%H:%M:%S"),
        "bsd": _seconds(day, side, "%b %e %H:%M:%S"),
        "clf": _seconds(day, side, "%d/%b/%Y:%H:%M:%S"),
        "epoch": table(b"%d" % s for s in range(epoch, epoch + 86_400)),
    }
