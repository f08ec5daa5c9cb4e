import io
import json
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.model.clock import FixedClock
from haechi.node.home import Home

FILE = """name,country,sector,networks,asns,domains,contact
Formosa Fab,TW,semiconductor,192.0.2.0/24;2001:db8::/32,AS64500,fab.example,csirt@fab.example
Broken,TW,energy,192.0.2.0/99,,,
전력거래소,KR,energy,198.51.100.0/24,,,
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "node"
    monkeypatch.setenv("HAECHI_HOME", str(path))
    Home.init(
        path, party="TWCERT/CC", country="TW", sector="government", clock=FixedClock(1_790_000_000_000_000)
    ).close()
    return path


def test_one_party_with_all_it_owns(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--network", "192.0.2.0/24", "--network", "2001:DB8::/32", "--asn", "AS64500", "--domain", "Fab.Example"]
    assert (
        main(["parties", "add", "Formosa Fab", "--country", "tw", "--sector", "semiconductor", *words, "--json"]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert document["stix_id"] == f"identity--{document['uuid']}"
    assert (document["country"], document["asns"], document["domains"]) == ("TW", [64500], ["fab.example"])
    assert document["networks"] == ["192.0.2.0/24", "2001:db8::/32"]


def test_the_same_party_twice_is_a_conflict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parties", "add", "TWCERT/CC", "--country", "TW", "--sector", "government"]) == 3
    assert "is party 1 already" in capsys.readouterr().err


def test_a_file_with_one_bad_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "parties.csv"
    file.write_text(FILE)
    assert main(["parties", "import", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == "2 added, 0 changed, 0 as they were, 1 refused.\n"
    assert err.startswith(f"error: {file}:3 field networks = '192.0.2.0/99': ")
    assert main(["parties", "import", str(file), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["added"], document["unchanged"]) == (0, 2)
    assert [(r["kind"], r["location"]["line"]) for r in document["refused"]] == [("BadInput", 3)]


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(FILE.encode())))
    assert main(["parties", "import", "-"]) == 1
    assert "error: standard input:3 field networks" in capsys.readouterr().err


def test_the_list_as_a_table_and_by_country(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.csv").write_text(FILE)
    main(["parties", "import", str(tmp_path / "p.csv")])
    capsys.readouterr()
    assert main(["parties", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[2:]] == ["전력거래소", "Formosa", "TWCERT/CC"]
    assert main(["parties", "list", "--country", "kr", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [party["name"] for party in document["parties"]] == ["전력거래소"]
    assert document["parties"][0]["networks"] == ["198.51.100.0/24"]


def test_a_home_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(tmp_path / "gone"), "parties", "list"]) == 3
    assert f"error: no node at {tmp_path}/gone. Make one with" in capsys.readouterr().err


def test_a_filter_that_is_no_country_or_sector(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in ((["--sector", "nuke"], "sector = 'nuke'"), (["--country", "XX"], "country = 'XX'")):
        assert main(["parties", "list", *words]) == 1
        assert f"error: field {said}: not a " in capsys.readouterr().err
