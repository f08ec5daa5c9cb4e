"""The table of logs: a node's mix."""

from haechi.demo.layouts.every import logs
from haechi.demo.world import KOREA, TAIWAN


def test_half_is_suricata_and_a_quarter_zeek():
    shares = {log.name: log.share for log in logs(TAIWAN)}
    assert shares["eve"] == 0.5
    assert abs(sum(shares[name] for name in ("conn", "dns", "http", "ssl")) - 0.25) < 1e-9


def test_the_two_sides_write_syslog_differently():
    taiwan, korea = ({log.name: log for log in logs(side)} for side in (TAIWAN, KOREA))
    assert taiwan["sshd"].zoned
    assert not korea["auth"].zoned
    assert "auth" not in taiwan
