"""Grants on the command line."""

import json
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.node.home import Home
from haechi.store.catalog import grants
from tests.cli.shared import said


def test_a_grant_is_made_seen_and_ended(giver: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "release", "preview", "kisa")["lines"]
    assert {line["action"] for line in lines} == {"stay"}
    assert said(capsys, "grant", "add", "kisa", status=2)["error"]["id"] == "grant.nobody_to_ask"
    made = said(capsys, "grant", "add", "kisa", "--type", "indicator", "--until", "2099-01-01T00:00:00Z", "--yes")
    assert (made["name"], made["up_to"], made["types"]) == ("kisa", "TLP:AMBER", ["indicator"])
    assert main(["grant", "list"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("kisa", "indicator", "TLP:AMBER", "2099-01-01", "made"))
    (run,) = said(capsys, "release", "run")["recipients"]
    assert (run["name"], run["released"]) == ("kisa", 4)
    (told,) = said(capsys, "release", "explain", "evil.example", "kisa")["objects"]
    assert (told["allowed"], told["has"], told["why"]) == (True, True, "policy.granted")
    assert main(["release", "explain", "evil.example", "kisa"]) == 0
    assert "leaves: granted by" in capsys.readouterr().out
    said(capsys, "grant", "withdraw", made["id"][:8])
    (run,) = said(capsys, "release", "run", "kisa")["recipients"]
    assert run["withdrawn"] + run["superseded"] >= 2
    assert said(capsys, "grant", "list")["grants"] == []
    assert said(capsys, "grant", "list", "--all")["grants"][0]["withdrawn_at"]


@pytest.mark.parametrize(
    ("words", "id"),
    [
        (["grant", "add", "nobody", "--yes"], "recipient.unknown"),
        (["grant", "add", "kisa", "--until", "2001-01-01T00:00:00Z", "--yes"], "grant.span"),
        (["grant", "add", "kisa", "--victim-field", "colour", "--yes"], "grant.no_field"),
        (["grant", "add", "kisa", "--up-to", "RED", "--yes"], "grant.red"),
        (["grant", "add", "kisa", "--up-to", "mauve", "--yes"], "indicators.no_marking"),
        (["grant", "add", "g", "--group", "--yes"], "group.unknown"),
        (["grant", "withdraw", "0"], "grant.unknown"),
        (["group", "add", "g", "--member", "nobody"], "group.no_member"),
        (["group", "add", "g", "--uuid", "x"], "group.no_uuid"),
        (["release", "preview", "nobody"], "recipient.unknown"),
        (["release", "explain", "indicator--1", "kisa"], "release.no_object"),
    ],
)
def test_what_is_refused(giver: Path, capsys: pytest.CaptureFixture[str], words: list[str], id: str) -> None:
    assert main([*words, "--json"]) in (1, 2)
    assert json.loads(capsys.readouterr().out)["error"]["id"] == id


def test_a_second_person_approves(
    giver: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = giver / "haechi.toml"
    settings.write_text(settings.read_text().replace("second_person = false", "second_person = true"))
    made = said(capsys, "grant", "add", "kisa", "--victim-field", "identity", "--yes")
    assert made["approved_at"] is None
    assert said(capsys, "release", "run")["recipients"][0]["released"] == 0
    assert main(["grant", "list"]) == 0
    assert "waits" in capsys.readouterr().out
    assert said(capsys, "grant", "approve", made["id"], status=3)["error"]["id"] == "grant.same_person"
    monkeypatch.setattr("haechi.node.home._user", lambda: "user:another")
    assert said(capsys, "grant", "approve", made["id"])["approved_by"] == "user:another"
    assert said(capsys, "release", "run")["recipients"][0]["released"] == 4
    home = Home.open(giver)
    with home.catalog().connect() as conn:
        assert grants.get(conn, made["id"]).approved_by == "user:another"
    assert [entry.action for entry in home.audit().entries()].count("grant.approve") == 1
    home.close()
