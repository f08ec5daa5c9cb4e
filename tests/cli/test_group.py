"""Sharing groups on the command line."""

from pathlib import Path

import pytest

from haechi.cli.main import main
from tests.cli.shared import said


def test_a_group_names_its_members_and_an_empty_one_nobody(giver: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "group", "add", "chips")
    said(capsys, "grant", "add", "chips", "--group", "--yes")
    assert said(capsys, "release", "run")["recipients"][0]["released"] == 0
    made = said(capsys, "group", "add", "chips", "--member", "kisa")
    assert len(made["members"]) == 1
    assert main(["group", "list"]) == 0
    assert "kisa" in capsys.readouterr().out
    assert said(capsys, "release", "run")["recipients"][0]["released"] == 4
    said(capsys, "group", "remove", "chips", "--member", "kisa")
    assert said(capsys, "group", "list")["groups"][0]["members"] == []
    said(capsys, "group", "remove", "chips")
    assert said(capsys, "group", "list")["groups"] == []
