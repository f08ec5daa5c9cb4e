import json
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.model.clock import FixedClock
from haechi.node.home import Home
from tests.web.conftest import begun, ended, free_port


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Home.init(tmp_path / "h", party="X", country="TW", sector="government", clock=FixedClock(1)).close()
    return tmp_path / "h"


def test_an_open_address_needs_tls(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "node.example"):
        assert main(["--home", str(home), "serve", "--host", host, "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"]["id"] == "serve.open"
    assert main(["--home", str(home), "serve", "--port", "0"]) == 2


def test_a_second_server_on_the_same_port_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    process = begun(home, "--port", str(port))
    try:
        assert main(["--home", str(home), "serve", "--port", str(port)]) == 3
        assert "can't be listened on" in capsys.readouterr().err
    finally:
        assert ended(process) == 0
