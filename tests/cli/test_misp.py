import json
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.model.clock import FixedClock
from haechi.node.home import Home
from haechi.store.catalog import ledger
from haechi.store.catalog.ledger import Outgoing
from tests.exchange.taxii.shared import NOW, recipient
from tests.exchange.test_misp_feed import indicator


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "node"
    monkeypatch.setenv("HAECHI_HOME", str(path))
    made = Home.init(path, party="TWCERT/CC", country="TW", sector="government", clock=FixedClock(NOW))
    with made.catalog().begin() as conn:
        row = Outgoing("indicators", json.loads(indicator(1))["id"], "indicator", 1, indicator(1), 1, 0, "")
        ledger.write(conn, recipient(conn, "KrCERT").id, [row], now=NOW)
    made.close()
    return path


def test_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["misp", "export", "KrCERT", str(tmp_path / "feed")]) == 0
    assert "1 events with 1 attributes for KrCERT" in capsys.readouterr().out
    assert main(["misp", "export", "KrCERT", str(tmp_path / "feed"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["events"], told["attributes"], told["hashes"], told["removed"]) == (1, 1, 0, 0)
    assert main(["misp", "export", "nobody", str(tmp_path / "other")]) == 1
    assert main(["misp", "export", "KrCERT", str(tmp_path)]) == 2
