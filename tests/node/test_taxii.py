from pathlib import Path

from haechi.exchange.caller import BASIC, Caller
from haechi.exchange.message import Request
from haechi.exchange.taxii import media
from haechi.model.clock import FixedClock
from haechi.node import consumers, taxii
from haechi.node.home import Home
from tests.exchange.taxii.shared import NOW, an_id, body


def test_what_is_sent_to_a_node_is_warned_of_and_audited(tmp_path: Path) -> None:
    Home.init(tmp_path / "h", party="TWCERT/CC", country="TW", sector="government", clock=FixedClock(NOW)).close()
    home = Home.open(tmp_path / "h", clock=FixedClock(NOW))
    added, _ = consumers.add(home, name="kisa", country="KR")
    known = body(an_id(1), NOW, pattern="[ipv4-addr:value = '8.8.8.8']")  # on a warning list
    headers = {"accept": media.TAXII, "content-type": media.TAXII}
    request = Request("POST", "/haechi/collections/inbox/objects/", headers, b'{"objects":[%b]}' % known)
    with home.catalog().begin() as conn:
        assert taxii.answer(home, request, Caller(added, BASIC), conn).status == 202
    with home.catalog().connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM value_warning").scalar_one() > 0
        root = taxii.answer(home, Request("GET", "/haechi/", headers), Caller(added, BASIC), conn)
    assert b"Haechi of TWCERT/CC" in root.body
    entry = list(home.audit().entries())[-1]
    assert (entry.action, entry.actor, entry.subject) == ("taxii.take", "taxii", f"party:{added.uuid}")
    assert (entry.details["taken"], entry.details["refused"]) == (1, 0)
    home.close()
