"""Seeded text logs against the same indicators: Zeek conn TSV, sshd in syslog, combined access log, CEF.

    python -m bench.data_text --out DIR [--lines 1000000] [--seed 7]

writes DIR/conn.log, auth.log, access.log and cef.log; some 2 % of the addresses hit.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.data import AGENTS, CHUNK, FIRST_DAY, indicators
from bench.data_parts import Text, column, hex_text, index, ipv4_text, join, pc, pick
from bench.measure import default_folder
from haechi.model.clock import DAY

Rng = np.random.Generator

ZEEK_FIELDS = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.orig_p": "port", "id.resp_h": "addr", "id.resp_p": "port",
    "proto": "enum", "service": "string", "duration": "interval", "orig_bytes": "count", "resp_bytes": "count",
    "conn_state": "string", "local_orig": "bool", "local_resp": "bool", "missed_bytes": "count", "history": "string",
    "orig_pkts": "count", "orig_ip_bytes": "count", "resp_pkts": "count", "resp_ip_bytes": "count", "tunnel_parents": "set[string]",
}  # fmt: skip
ZEEK_HEAD = "\n".join([
    "#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn", "#open\t2026-11-01-00-00-00",
    "#fields\t" + "\t".join(ZEEK_FIELDS), "#types\t" + "\t".join(ZEEK_FIELDS.values()), "",
])  # fmt: skip


def _numbers(rng: Rng, n: int, high: int) -> Text:
    return column(rng.integers(0, high, n))


def _remote(rng: Rng, n: int, bad: Text) -> Text:
    clean = ipv4_text(rng.integers(11 << 24, 223 << 24, n))
    return pc.if_else(index(rng.random(n) < 0.02), pick(bad, rng, n), clean)


def _local(rng: Rng, n: int) -> Text:
    return ipv4_text((10 << 24) + rng.integers(0, 65536, n))


def zeek_conn(rng: Rng, at: np.ndarray[tuple[int], np.dtype[np.int64]], bad: Text) -> Text:
    """Lines of conn.log, Zeek's TSV. Times are UTC seconds with six decimals."""
    n = len(at)
    utc = at - 8 * 3_600_000_000
    seconds = join(column(utc // 1_000_000), ".", pc.utf8_lpad(column(utc % 1_000_000), 6, padding="0"))
    tab = "\t"
    return join(
        seconds, tab, "C", hex_text(rng, n, 17), tab, _local(rng, n), tab, column(rng.integers(1024, 65536, n)), tab, _remote(rng, n, bad), tab,
        pick(["443", "80", "53", "22"], rng, n), "\ttcp\t", pick(["ssl", "http", "-", "ssh"], rng, n), "\t0.", column(rng.integers(100000, 999999, n)), tab,
        _numbers(rng, n, 9000), tab, _numbers(rng, n, 90000), "\tSF\tT\tF\t0\tShADadFf\t", _numbers(rng, n, 60), tab, _numbers(rng, n, 9000), tab,
        _numbers(rng, n, 60), tab, _numbers(rng, n, 90000), "\t-\n",
    )  # fmt: skip


def sshd(rng: Rng, at: np.ndarray[tuple[int], np.dtype[np.int64]], bad: Text) -> Text:
    """Lines of auth.log: sshd behind an RFC 3164 head (no year, no zone)."""
    n = len(at)
    when = pc.strftime(index(at).cast("timestamp[us]").cast("timestamp[s]", safe=False), format="%b %e %H:%M:%S")
    what = pick(
        [
            "Failed password for invalid user admin",
            "Failed password for root",
            "Accepted publickey for lin",
            "Failed password for lee",
        ],
        rng,
        n,
    )
    return join(
        when,
        " gw1 sshd[",
        _numbers(rng, n, 30000),
        "]: ",
        what,
        " from ",
        _remote(rng, n, bad),
        " port ",
        column(rng.integers(1024, 65536, n)),
        " ssh2\n",
    )


def access(rng: Rng, at: np.ndarray[tuple[int], np.dtype[np.int64]], bad: Text) -> Text:
    """Lines of a web server's combined log."""
    n = len(at)
    when = pc.strftime(index(at).cast("timestamp[us]").cast("timestamp[s]", safe=False), format="%d/%b/%Y:%H:%M:%S")
    return join(
        _remote(rng, n, bad), " - - [", when, ' +0800] "GET /index/', _numbers(rng, n, 1000), '.html HTTP/1.1" ', pick(["200", "404", "301"], rng, n), " ",
        _numbers(rng, n, 90000), ' "-" "', pick(AGENTS, rng, n), '"\n',
    )  # fmt: skip


def cef(rng: Rng, at: np.ndarray[tuple[int], np.dtype[np.int64]], bad: Text) -> Text:
    """Lines of ArcSight CEF without a syslog head; rt in milliseconds UTC."""
    n = len(at)
    return join(
        "CEF:0|Example|Firewall|9.1|", column(rng.integers(100, 999, n)), "|Connection blocked|5|rt=", column((at - 8 * 3_600_000_000) // 1000), " src=",
        _remote(rng, n, bad), " spt=", column(rng.integers(1024, 65536, n)), " dst=", _local(rng, n), " dpt=", pick(["443", "80", "22"], rng, n),
        " proto=TCP act=blocked in=", _numbers(rng, n, 9000), " out=", _numbers(rng, n, 9000), " msg=policy deny\n",
    )  # fmt: skip


LOGS: dict[str, tuple[str, Callable[..., Text]]] = {
    "conn.log": (ZEEK_HEAD, zeek_conn),
    "auth.log": ("", sshd),
    "access.log": ("", access),
    "cef.log": ("", cef),
}


def write(out: Path, lines: int, wanted: int, seed: int) -> dict[str, int]:
    """Write the four logs; file name -> bytes."""
    out.mkdir(parents=True, exist_ok=True)
    bad = indicators(wanted, seed)["ipv4"]
    step = DAY / lines
    for number, (name, (head, make)) in enumerate(LOGS.items()):
        with (out / name).open("wb") as f:
            f.write(head.encode())
            for first in range(0, lines, CHUNK):
                rng = np.random.default_rng([seed, 3, number, first])
                at = FIRST_DAY + ((first + np.arange(min(CHUNK, lines - first))) * step).astype(np.int64)
                f.write("".join(make(rng, at, bad).to_pylist()).encode())
    return {name: (out / name).stat().st_size for name in LOGS}


def main() -> None:
    """Run it and print one JSON line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, default=default_folder())
    p.add_argument("--lines", type=int, default=1_000_000)
    p.add_argument("--indicators", type=int, default=1_000_000)
    p.add_argument("--seed", type=int, default=7)
    a = p.parse_args()
    print(json.dumps(write(a.out, a.lines, a.indicators, a.seed)))


if __name__ == "__main__":
    main()
