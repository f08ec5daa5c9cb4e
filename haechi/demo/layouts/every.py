"""All logs of a node, in one table."""

from haechi.demo.draw import Log
from haechi.demo.layouts import zeek
from haechi.demo.layouts.eve import eve
from haechi.demo.layouts.text import CEF, nginx, sshd_rfc3164, sshd_rfc5424
from haechi.demo.world import Side


def logs(side: Side) -> tuple[Log, ...]:
    """All logs of a node; their shares sum to 1. Korea's sshd writes the older syslog, Taiwan's the newer."""
    sshd = sshd_rfc3164() if side.country == "KR" else sshd_rfc5424(side.offset)
    return (eve(side.offset), zeek.CONN, zeek.DNS, zeek.HTTP, zeek.SSL, sshd, nginx(side.offset), CEF)
