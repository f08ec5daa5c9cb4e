"""Free-text logs: OpenSSH over syslog (RFC 5424 and RFC 3164), nginx combined, ArcSight CEF."""

from haechi.demo.draw import Log, Record
from haechi.demo.matrix import Fraction, Number, Part, Second, Text

Pieces = tuple["bytes | Part", ...]

# Words of OpenSSH's auth.c and packet.c; shares as an exposed server sees them.
_SSHD: tuple[tuple[str, float, Pieces], ...] = (
    ("failed-invalid", 0.40, (b"Failed password for invalid user ", Text("user"), b" from ", Text("remote"), b" port ", Number("sport", 5), b" ssh2\n")),
    ("failed", 0.22, (b"Failed password for root from ", Text("remote"), b" port ", Number("sport", 5), b" ssh2\n")),
    ("invalid", 0.16, (b"Invalid user ", Text("user"), b" from ", Text("remote"), b" port ", Number("sport", 5), b"\n")),
    ("disconnect", 0.14, (b"Received disconnect from ", Text("remote"), b" port ", Number("sport", 5), b":11: Bye Bye [preauth]\n")),
    ("closed", 0.06, (b"Connection closed by ", Text("remote"), b" port ", Number("sport", 5), b" [preauth]\n")),
    ("accepted", 0.02, (b"Accepted publickey for deploy from ", Text("own"), b" port ", Number("sport", 5), b" ssh2\n")),
)  # fmt: skip


def sshd_rfc5424(offset: str) -> Log:
    """RFC 5424: year and zone in every line. Taiwan's form here."""
    head: Pieces = (
        b"<38>1 ",
        Second("t", "iso"),
        b".",
        Fraction("t"),
        offset.encode() + b" gw-",
        Text("host"),
        b" sshd ",
        Number("pid", 5),
        b" - - ",
    )
    records = tuple(Record(name, share, (*head, *body)) for name, share, body in _SSHD)
    return Log("sshd", ".log", 0.08, records)


def sshd_rfc3164() -> Log:
    """RFC 3164 as rsyslog writes it to a file: neither year nor zone. Korea's form here."""
    head: Pieces = (Second("t", "bsd"), b" gw-", Text("host"), b" sshd[", Number("pid", 5), b"]: ")
    records = tuple(Record(name, share, (*head, *body)) for name, share, body in _SSHD)
    return Log("auth", ".log", 0.08, records, zoned=False)


def nginx(offset: str) -> Log:
    """nginx's `combined` (https://nginx.org/en/docs/http/ngx_http_log_module.html)."""
    zone = offset.replace(":", "").encode()
    line: Pieces = (
        Text("remote"),
        b" - - [",
        Second("t", "clf"),
        b" " + zone + b'] "GET ',
        Text("path"),
        b' HTTP/1.1" 200 ',
        Number("bytes_in", 9),
        b' "-" "',
        Text("agent"),
        b'"\n',
    )
    probe: Pieces = (Text("remote"), b" - - [", Second("t", "clf"), b" " + zone + b'] "POST /wp-login.php HTTP/1.1" 404 146 "-" "', Text("agent"), b'"\n')  # fmt: skip
    return Log("access", ".log", 0.10, (Record("get", 0.85, line), Record("probe", 0.15, probe)))


CEF = Log(
    "firewall",
    ".cef",
    0.07,
    (
        Record(
            "deny",
            1.0,
            (
                b"<134>",
                Second("t", "bsd"),
                b" fw-",
                Text("host"),
                b" CEF:0|Synthetic|Border Firewall|1.0|100|Connection denied|5|rt=",
                Second("t", "epoch"),
                Fraction("t", 3),
                b" src=",
                Text("remote4"),
                b" spt=",
                Number("sport", 5),
                b" dst=",
                Text("own4"),
                b" dpt=",
                Text("service"),
                b" proto=TCP act=blocked cs1Label=rule cs1=default-deny\n",
            ),
        ),
    ),
    zoned=False,
)
"""ArcSight Common Event Format, version 0, over syslog. Addresses are IPv4: `src` and `dst` hold nothing else."""
