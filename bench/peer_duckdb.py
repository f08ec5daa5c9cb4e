"""Peer: a plain DuckDB script. read_json into a table, hash joins, domain suffixes by unnest, two Parquet files.

    python -m bench.peer_duckdb --data DIR [--events FILE]

It does less than an ingest: no CIDR, no offsets or reasons of bad lines, no fsync, no commit. Loading the
indicators is not counted.
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import duckdb

from bench.measure import default_folder

COLUMNS = {
    "timestamp": "VARCHAR", "flow_id": "BIGINT", "in_iface": "VARCHAR", "event_type": "VARCHAR", "src_ip": "VARCHAR", "src_port": "INTEGER",
    "dest_ip": "VARCHAR", "dest_port": "INTEGER", "proto": "VARCHAR", "app_proto": "VARCHAR",
    "flow": "STRUCT(bytes_toserver BIGINT, bytes_toclient BIGINT, pkts_toserver BIGINT, pkts_toclient BIGINT, age INTEGER)",
    "dns": "STRUCT(rrname VARCHAR)",
    "tls": "STRUCT(sni VARCHAR, fingerprint VARCHAR, ja3 STRUCT(hash VARCHAR))",
    "http": "STRUCT(hostname VARCHAR, url VARCHAR, http_user_agent VARCHAR, http_method VARCHAR, status INTEGER, length BIGINT)",
    "fileinfo": "STRUCT(filename VARCHAR, md5 VARCHAR, sha1 VARCHAR, sha256 VARCHAR, size BIGINT)",
    "alert": 'STRUCT("action" VARCHAR, signature_id BIGINT, signature VARCHAR, category VARCHAR, severity INTEGER)',
    "email": 'STRUCT("from" VARCHAR)',
    "smb": 'STRUCT(ntlmssp STRUCT("user" VARCHAR))',
}  # fmt: skip

SELECT = """
select epoch_us(try_cast(timestamp as timestamptz)) ts, right(timestamp, 5) ts_offset, flow_id, in_iface, event_type,
 src_ip src_addr, src_port, dest_ip dst_addr, dest_port dst_port, proto, app_proto, coalesce(dns.rrname, http.hostname) "domain",
 case when http.url is not null then 'http://' || http.hostname || http.url end url, tls.sni sni, tls.ja3.hash ja3, tls.fingerprint cert,
 fileinfo.md5 md5, fileinfo.sha1 sha1, fileinfo.sha256 sha256, fileinfo.filename file_name, email."from" email, smb.ntlmssp."user" "user",
 http.http_method http_method, http.status http_status, http.http_user_agent user_agent, alert.signature signature,
 alert.signature_id signature_id, alert.category category, alert.severity severity, flow.bytes_toserver bytes_out,
 flow.bytes_toclient bytes_in, flow.pkts_toserver packets_out, flow.pkts_toclient packets_in, flow.age::BIGINT * 1000000 duration,
 alert."action" "action", fileinfo.size file_size
from read_json(?, format = 'newline_delimited', columns = COLUMNS, maximum_object_size = 1048576, ignore_errors = true)
"""

EXACT = [("address", "src_addr", "address"), ("address", "dst_addr", "address"), ("url", "url", "url"),
         ("sha256", "sha256", "hash"), ("md5", "md5", "hash"), ("ja3", "ja3", "hash"), ("email", "email", "hash")]  # fmt: skip

SUFFIXES = """
insert into sighting
select flow_id, id, 'domain' from (
  select flow_id, unnest(list_transform(range(1, len(p) + 1), lambda i: array_to_string(p[i:], '.'))) suffix
  from (select flow_id, string_split(coalesce("domain", sni), '.') p from event where coalesce("domain", sni) is not null)
) join i_domain on suffix = value
"""


def run(events: Path, indicators: Path, target: Path) -> dict[str, object]:
    """Parse, match, write; seconds by step, sightings by field."""
    con = duckdb.connect(config={"threads": 2})
    con.execute("set preserve_insertion_order = false; set TimeZone = 'UTC'")
    con.execute(
        "create table indicator as select row_number() over () id, * from read_csv(?, header = true, all_varchar = true)",
        [str(indicators)],
    )
    for table, kinds in (
        ("address", "'ipv4','ipv6'"),
        ("domain", "'domain'"),
        ("url", "'url'"),
        ("hash", "'sha256','md5','ja3','email'"),
    ):
        con.execute(f"create table i_{table} as select value, type, id from indicator where type in ({kinds})")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    columns = "{" + ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items()) + "}"
    steps: dict[str, float] = {}
    started = last = time.perf_counter()
    cpu = time.process_time()

    def done(step: str) -> None:
        nonlocal last
        steps[step] = round(time.perf_counter() - last, 3)
        last = time.perf_counter()

    con.execute("create temp table event as " + SELECT.replace("COLUMNS", columns), [str(events)])
    done("read")
    joins = " union all ".join(
        f"select flow_id, id, '{field}' field from event join i_{table} on {column} = value"
        + (f" and type = '{field}'" if table == "hash" else "")
        for field, column, table in EXACT
    )
    con.execute("create temp table sighting as " + joins)
    done("exact joins")
    con.execute(SUFFIXES)
    done("domain suffixes")
    con.execute(f"copy event to '{target}/event.parquet' (format parquet, compression zstd)")
    con.execute(f"copy sighting to '{target}/sighting.parquet' (format parquet)")
    done("parquet")
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    rows = con.execute("select count(*), count(ts) from event").fetchall()[0]
    found = dict(con.execute("select field, count(*) from sighting group by 1").fetchall())
    return {
        "peer": "DuckDB script",
        "events": rows[0],
        "timed_events": rows[1],
        "seconds": seconds,
        "cpu": cpu,
        "steps": steps,
        "sightings": found,
    }


def main() -> None:
    """Run it and print one JSON line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--events", type=Path)
    a = p.parse_args()
    print(json.dumps(run(a.events or a.data / "eve.json", a.data / "indicators.csv", a.data / "out-duckdb")))


if __name__ == "__main__":
    main()
