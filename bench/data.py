"""Seeded benchmark data: Suricata EVE events and the indicators that some of them hit. All of it is synthetic.

    python -m bench.data --out DIR [--events 1000000] [--indicators 1000000] [--seed 7] [--days 1]

writes DIR/eve.json (about 400 bytes a line, in time order, one in five IPv6, some 2 % hits, escapes and
non-ASCII in wanted strings, 100 broken lines of six kinds and 10 blank ones in a million), DIR/indicators.csv
(header `value,type`) and DIR/data.json (seed, counts, SHA-256 of both files).
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.data_parts import TLDS, Text, column, hex_text, index, ipv4_text, ipv6_text, join, pc, pick, time_text
from bench.measure import default_folder
from haechi.model.clock import DAY

CHUNK = 100_000

FIRST_DAY = 1_793_491_200_000_000  # 2026-11-01T00:00:00 on the sensor's wall (+08:00): two UTC days are touched
SHARES = {
    "ipv4": 350,
    "ipv4-net": 45,
    "ipv6": 50,
    "ipv6-net": 5,
    "domain": 300,
    "url": 150,
    "sha256": 60,
    "md5": 20,
    "ja3": 10,
    "email": 10,
}
KINDS = {"flow": 0.38, "dns": 0.29, "tls": 0.10, "http": 0.11, "fileinfo": 0.05, "alert": 0.05, "smtp": 0.02}
AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "curl/8.14.1",
]
ESCAPED_AGENT = [r"update \"agent\"\t3.1"]
FOLDERS = ["/srv/files/", "/home/lee/보고서/", "/home/lin/報告書/", "/var/www/upload/"]
ESCAPED_FOLDERS = [r"C:\\Users\\chen\\Downloads\\", r"/srv/\u5831\u544a/", r"\\\\fs01\\share\\"]
BROKEN = ("truncated", "bad UTF-8", "duplicate key", "bad number", "bad timestamp", "NUL")

Rng = np.random.Generator


def indicators(total: int, seed: int) -> dict[str, Text]:
    """Type -> distinct values in normal form, `total` in all, shared out as SHARES says."""
    rng = np.random.default_rng([seed, 1])
    n = {kind: max(1, total * share // 1000) for kind, share in SHARES.items()}
    bits = rng.integers(24, 30, n["ipv4-net"])
    nets = (rng.integers(11 << 24, 223 << 24, n["ipv4-net"]) >> (32 - bits)) << (32 - bits)
    suffix = pick(TLDS, rng, n["domain"] + n["url"])
    domains = join(hex_text(rng, n["domain"], 10), "-", column(np.arange(n["domain"]) % 97), ".", suffix[: n["domain"]])
    hosts = join(hex_text(rng, n["url"], 9), ".", suffix[n["domain"] :])
    return {
        "ipv4": ipv4_text(_distinct(rng, 11 << 24, 223 << 24, n["ipv4"])),
        "ipv4-net": join(ipv4_text(nets), "/", column(bits)).unique(),
        "ipv6": ipv6_text("2a0e:8f02", rng, n["ipv6"], 6),
        "ipv6-net": join(ipv6_text("2a0e:8f03", rng, n["ipv6-net"], 2), "::/64"),
        "domain": domains,
        "url": join("http://", hosts, "/p/", hex_text(rng, n["url"], 6), ".php"),
        "sha256": hex_text(rng, n["sha256"], 64),
        "md5": hex_text(rng, n["md5"], 32),
        "ja3": hex_text(rng, n["ja3"], 32),
        "email": join(
            "u", column(np.arange(n["email"])), "@", domains.take(index(rng.integers(0, len(domains), n["email"])))
        ),
    }


def _distinct(rng: Rng, low: int, high: int, n: int) -> np.ndarray[Any, Any]:
    found = np.unique(rng.integers(low, high, n + n // 50 + 16))
    return rng.permutation(found)[:n]


def _some(rng: Rng, clean: Text, wanted: Text, share: float) -> Text:
    """`clean` with a share of its values replaced by values drawn from `wanted`."""
    mask = rng.random(len(clean)) < share
    return pc.replace_with_mask(clean, pa.array(mask), pick(wanted, rng, int(mask.sum())))


def _addresses(rng: Rng, n: int, bad: dict[str, Text]) -> tuple[Text, Text]:
    """Source (own network) and destination addresses; one in five IPv6; 0.9 % of destinations hit."""
    six = rng.random(n) < 0.2
    n6 = int(six.sum())
    inside = pc.split_pattern(bad["ipv4-net"], "/")
    in_net4 = pc.list_element(inside, 0)  # the net's first address lies in it
    in_net6 = join(pc.replace_substring(bad["ipv6-net"], "::/64", ""), ":a:b:c:1")
    dst4 = _some(rng, _some(rng, ipv4_text(rng.integers(11 << 24, 223 << 24, n)), bad["ipv4"], 0.005), in_net4, 0.003)
    dst6 = _some(rng, _some(rng, ipv6_text("2a0e:8f01", rng, n6, 6), bad["ipv6"], 0.005), in_net6, 0.005)
    src4 = ipv4_text((10 << 24) + rng.integers(0, 65536, n))
    src6 = ipv6_text("fd00:1234:5678:1", rng, n6, 4)
    mask = pa.array(six)
    return pc.replace_with_mask(src4, mask, src6), pc.replace_with_mask(dst4, mask, dst6)


def _body(kind: str, rng: Rng, n: int, bad: dict[str, Text], clean: Text, ts: Text) -> Text:
    """The part of `n` records of a kind that follows the common fields."""

    def num(high: int) -> Text:
        return column(rng.integers(0, high, n))

    if kind == "flow":
        return join(
            ',"app_proto":"tls","flow":{"pkts_toserver":', num(50), ',"pkts_toclient":', num(70), ',"bytes_toserver":', num(9000),
            ',"bytes_toclient":', num(90000), ',"start":"', ts, '","age":', num(300),
            ',"state":"closed","reason":"timeout","alerted":false}}',
        )  # fmt: skip
    if kind == "dns":
        under = join(pick(["www", "a.b", "mail", "xn--fiqs8s"], rng, len(bad["domain"])), ".", bad["domain"])
        name = _some(rng, _some(rng, clean, bad["domain"], 0.01), under, 0.02)
        name = _some(rng, name, pa.array(["北京.example7.tw", "한국.example8.kr", r"\u4f8b.example9.tw"]), 0.002)
        ask = join(
            ',"dns":{"type":"query","id":', num(65536), ',"rrname":"', name, '","rrtype":"A","tx_id":0,"opcode":0}}'
        )
        reply = join(',"dns":{"version":2,"type":"answer","flags":"8180","rrname":"', name, '","rrtype":"A","rcode":"NOERROR","answers":[{"rrname":"',
                     name, '","rrtype":"A","ttl":300,"rdata":"198.51.100.7"}]}}')  # fmt: skip
        return pc.if_else(pa.array(rng.random(n) < 0.25), reply, ask)
    if kind == "tls":
        ja3 = _some(
            rng, column([f"{i:032x}" for i in range(5000)]).take(index(rng.integers(0, 5000, n))), bad["ja3"], 0.005
        )
        return join(
            ',"app_proto":"tls","tls":{"subject":"CN=', clean, '","issuerdn":"C=US, O=Example CA","fingerprint":"', hex_text(rng, n, 40),
            '","sni":"', _some(rng, clean, bad["domain"], 0.01), '","version":"TLS 1.3","ja3":{"hash":"', ja3, '","string":"771,4865-4866"}}}',
        )  # fmt: skip
    if kind == "http":
        parts = pc.split_pattern(pc.utf8_slice_codeunits(bad["url"], 7), "/", max_splits=1)
        chosen = index(rng.integers(0, len(bad["url"]), n))
        hit = pa.array(rng.random(n) < 0.02)
        host = pc.if_else(hit, pc.list_element(parts, 0).take(chosen), clean)
        path = pc.if_else(hit, join("/", pc.list_element(parts, 1).take(chosen)), join("/index/", num(1000), ".html"))
        path = pc.if_else(pa.array(rng.random(n) < 0.05), pc.replace_substring(path, "/", r"\/"), path)
        return join(
            ',"app_proto":"http","tx_id":0,"http":{"hostname":"', host, '","url":"', path, '","http_user_agent":"', _some(rng, pick(AGENTS, rng, n), pa.array(ESCAPED_AGENT), 0.03),
            '","http_content_type":"text/html","http_method":"GET","protocol":"HTTP/1.1","status":200,"length":', num(10000), "}}",
        )  # fmt: skip
    if kind == "fileinfo":
        name = join(_some(rng, pick(FOLDERS, rng, n), pa.array(ESCAPED_FOLDERS), 0.1), num(10**6), ".exe")
        return join(
            ',"app_proto":"http","fileinfo":{"filename":"', name, '","magic":"PE32+","gaps":false,"state":"CLOSED","md5":"',
            _some(rng, hex_text(rng, n, 32), bad["md5"], 0.02), '","sha256":"', _some(rng, hex_text(rng, n, 64), bad["sha256"], 0.03),
            '","stored":false,"size":', num(100000), ',"tx_id":0}}',
        )  # fmt: skip
    if kind == "alert":
        return join(
            ',"alert":{"action":"allowed","gid":1,"signature_id":', column(2_000_000 + rng.integers(0, 5000, n)), ',"rev":1,"signature":"ET SCAN Potential SSH Scan OUTBOUND ',
            num(500), '","category":"Attempted Information Leak","severity":2},"app_proto":"ssh"}',
        )  # fmt: skip
    sender = _some(rng, join("user", num(1000), "@", clean), bad["email"], 0.03)
    return join(
        ',"app_proto":"smtp","tx_id":0,"smtp":{"helo":"mx","mail_from":"<', sender, '>","rcpt_to":["<lin@example1.tw>"]},"email":{"status":"PARSE_DONE","from":"',
        sender, '","to":["lin@example1.tw","lee@example2.kr"]}}',
    )  # fmt: skip


def records(rng: Rng, first: int, n: int, span: int, total: int, bad: dict[str, Text]) -> Text:
    """`n` EVE records (text with newline), from the `first` of `total` that spread over `span` microseconds."""
    kinds = list(KINDS)
    kind = rng.choice(len(kinds), n, p=list(KINDS.values()))
    step = span / total
    ts = time_text(FIRST_DAY + ((first + np.arange(n) + rng.random(n)) * step).astype(np.int64), "+0800")
    src, dst = _addresses(rng, n, bad)
    head = join(
        '{"timestamp":"', ts, '","flow_id":', column(1_000_000_000_000_000 + (first + np.arange(n)) * 7919), ',"in_iface":"eth0","event_type":"',
        column(kinds).take(index(kind)), '","src_ip":"', src, '","src_port":', column(rng.integers(1024, 61024, n)), ',"dest_ip":"', dst,
        '","dest_port":', pc.if_else(pa.array(kind == kinds.index("http")), "80", pick(["443", "80", "53", "22"], rng, n)), ',"proto":"TCP"',
    )  # fmt: skip
    host = rng.integers(0, 100_000, n)
    clean = join(
        "host",
        column(host),
        ".",
        pick(["svc", "cdn"], rng, n),
        ".example",
        column(host % 5000),
        ".",
        pick(TLDS, rng, n),
    )
    bodies, rows = [], []
    for k, name in enumerate(kinds):
        at = np.flatnonzero(kind == k)
        rows.append(at)
        take = index(at)
        bodies.append(_body(name, rng, len(at), bad, clean.take(take), ts.take(take)))
    order = index(np.argsort(np.concatenate(rows)))
    return join(head, pa.concat_arrays(bodies).take(order), "\n")


def broken(line: bytes, kind: str) -> bytes:
    """A record made unreadable in one way; still one line."""
    if kind == "truncated":
        return line[: len(line) * 3 // 5] + b"\n"
    if kind == "bad UTF-8":
        return line.replace(b'"eth0"', b'"et\xff\xfe"')
    if kind == "duplicate key":
        return line.replace(b',"proto":', b',"src_ip":"192.0.2.1","proto":')
    if kind == "bad number":
        return line.replace(b',"dest_port":', b',"dest_port":1x')
    if kind == "bad timestamp":
        return line.replace(b'"timestamp":"2026-1', b'"timestamp":"2026-4')
    return line.replace(b'"eth0"', b'"et\x00\x00"')


def event_chunks(events: int, days: int, seed: int, bad: dict[str, Text]) -> Iterator[pa.Buffer]:
    """The event file in pieces of CHUNK lines: bytes ready to write."""
    every, blanks = max(1, min(10_000, events // 10)), max(1, min(100_000, events // 5))
    for first in range(0, events, CHUNK):
        rng = np.random.default_rng([seed, 2, first])
        n = min(CHUNK, events - first)
        lines = records(rng, first, n, days * DAY, events, bad).cast(pa.binary())
        row = first + np.arange(n)
        spoiled, blank = row % every == every // 3, row % blanks == blanks * 3 // 4
        bytes_of = [
            broken(lines[int(i)].as_py(), BROKEN[int(row[i]) // every % len(BROKEN)])
            for i in np.flatnonzero(spoiled & ~blank)
        ]
        lines = pc.replace_with_mask(lines, pa.array(spoiled & ~blank), pa.array(bytes_of, pa.binary()))
        lines = pc.replace_with_mask(lines, pa.array(blank), pa.array([b"\n"] * int(blank.sum()), pa.binary()))
        offsets = np.frombuffer(lines.buffers()[1], np.int32)
        yield lines.buffers()[2].slice(
            int(offsets[lines.offset]), int(offsets[lines.offset + n] - offsets[lines.offset])
        )


def write(out: Path, events: int, wanted: int, seed: int, days: int = 1, name: str = "eve.json") -> dict[str, object]:
    """Write both files and data.json into `out`; gives what data.json says."""
    out.mkdir(parents=True, exist_ok=True)
    bad = indicators(wanted, seed)
    digest = {"indicators.csv": hashlib.sha256(), name: hashlib.sha256()}
    with (out / "indicators.csv").open("wb") as f:
        for kind, values in [("value", None), *bad.items()]:
            text = "value,type\n" if values is None else "".join(f"{v},{kind}\n" for v in values.to_pylist())
            digest["indicators.csv"].update(text.encode())
            f.write(text.encode())
    with (out / name).open("wb") as f:
        for piece in event_chunks(events, days, seed, bad):
            digest[name].update(piece)
            f.write(piece)
    told = {
        "seed": seed, "lines": events, "bytes": (out / name).stat().st_size, "indicators": sum(map(len, bad.values())), "days": days,
        "sha256": {k: v.hexdigest() for k, v in digest.items()},
    }  # fmt: skip
    (out / f"{Path(name).stem}.data.json").write_text(json.dumps(told, indent=1) + "\n")
    return told


def main() -> None:
    """Run it and print one JSON line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, default=default_folder())
    p.add_argument("--events", type=int, default=1_000_000)
    p.add_argument("--indicators", type=int, default=1_000_000)
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--days", type=int, default=1)
    p.add_argument("--name", default="eve.json")
    a = p.parse_args()
    print(json.dumps(write(a.out, a.events, a.indicators, a.seed, a.days, a.name)))


if __name__ == "__main__":
    main()
