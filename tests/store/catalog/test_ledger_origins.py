"""Where objects first stood, which stretches lost something, bodies by sequence."""

from sqlalchemy import Engine

from haechi.store.catalog import ledger, ledger_origins
from haechi.store.catalog.ledger import Taken
from tests.exchange.taxii.shared import NOW, an_id, body, outgoing, recipient


def test_origins_and_losses(engine: Engine) -> None:
    with engine.begin() as conn:
        id = recipient(conn).id
        other = recipient(conn, "other").id
        ledger.write(conn, other, [outgoing(9)], now=NOW)
        ledger.write(conn, id, [outgoing(1), outgoing(2), outgoing(3)], now=NOW)
        ledger.write(conn, id, [outgoing(2, version=2)], now=NOW + 10)
        ledger.write(conn, id, [outgoing(2, version=3)], now=NOW + 20)
        assert ledger_origins.first_seqs(conn, id) == {5: 2}
        assert ledger_origins.withdrawn(conn, id, part=2) == {}
        found = ledger_origins.bodies(conn, id, [1, 2, 3, 5])
        assert found == [outgoing(1).body, outgoing(3).body, outgoing(2, version=3).body]
        ledger.write(conn, id, [], [Taken(5, "")], now=NOW + 30)
        ledger.write(conn, id, [], [Taken(1, "")], now=NOW + 40)
        assert ledger_origins.withdrawn(conn, id, part=2) == {2: NOW + 30, 0: NOW + 40}
        assert ledger_origins.first_seqs(conn, id) == {}
        assert ledger_origins.bodies(conn, id, [1, 5]) == []
        assert ledger_origins.bodies(conn, other, [1]) == [body(an_id(9), NOW - 86_400_000_000 + 1000)]
