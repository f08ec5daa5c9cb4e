import json
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.model.clock import FixedClock
from haechi.node.home import Home
from tests.web.test_edge import certificate as made  # noqa: F401


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "node"
    monkeypatch.setenv("HAECHI_HOME", str(path))
    Home.init(path, party="X", country="TW", sector="government", clock=FixedClock(1_790_000_000_000_000)).close()
    return path


def test_secrets_are_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["consumer", "add", "kisa", "--country", "KR", "--relation", "community", "--json"]) == 0
    added = json.loads(capsys.readouterr().out)
    assert set(added) == {"name", "uuid", "user", "secret", "token"}
    assert main(["consumer", "list"]) == 0
    shown = capsys.readouterr().out
    assert "kisa" in shown
    assert added["secret"] not in shown
    assert main(["consumer", "rotate", "kisa"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "user    kisa"
    assert added["secret"] not in out


def test_secrets_into_a_file_are_not_on_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s"
    assert main(["consumer", "add", "kisa", "--country", "KR", "--secret-file", str(file)]) == 0
    out = capsys.readouterr().out
    assert out == f"The secrets of kisa are in {file}\n"
    assert main(["consumer", "rotate", "kisa", "--secret-file", str(file)]) == 2
    assert capsys.readouterr().err == f"error: {file} exists. Name a new file\n"


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    main(["consumer", "add", "kisa", "--country", "KR", "--collection", "indicators", "--json"])
    capsys.readouterr()
    assert main(["consumer", "list", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["consumers"]
    assert (one["name"], one["relation"], one["collections"]) == ("kisa", "public", ["indicators"])
    assert {login["kind"] for login in one["logins"]} == {"basic", "bearer"}
    assert one["last_used_at"] is None


def test_a_revoked_consumer_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    main(["consumer", "add", "kisa", "--country", "KR"])
    capsys.readouterr()
    assert main(["consumer", "revoke", "kisa"]) == 0
    assert capsys.readouterr().out == "kisa can log in no more\n"
    assert main(["consumer", "revoke", "kisa"]) == 1
    assert main(["consumer", "add", "kisa", "--country", "KR", "--collection", "x"]) == 2


def test_a_client_certificate(tmp_path: Path, made: bytes, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    file = tmp_path / "c.der"
    file.write_bytes(made)
    assert main(["consumer", "add", "kisa", "--country", "KR", "--certificate", str(file)]) == 0
    capsys.readouterr()
    main(["consumer", "list", "--json"])
    logins = json.loads(capsys.readouterr().out)["consumers"][0]["logins"]
    assert [one["name"][:7] for one in logins if one["kind"] == "certificate"] == ["sha256:"]
    file.write_bytes(b"x")
    assert main(["consumer", "add", "b", "--country", "KR", "--certificate", str(file)]) == 1
