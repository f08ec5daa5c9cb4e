"""The settings file: what is written is what is read."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.model.errors import BadInput
from haechi.node.config import HOME_VERSION, Config, encode, read


@given(st.text(st.characters(codec="utf-8"), max_size=50), st.text(st.characters(codec="utf-8"), max_size=50))
def test_any_text_survives(party: str, database: str) -> None:
    config = Config(
        version=HOME_VERSION, node="n", party=party, party_uuid="p", country="TW", sector="media", database=database
    )
    assert tomllib.loads(encode(config))["party"] == party
    assert tomllib.loads(encode(config))["database"] == database


def test_what_is_written_is_read(tmp_path: Path) -> None:
    config = Config(
        version=HOME_VERSION, node="n", party="臺灣", party_uuid="p", country="TW", sector="media", database="x"
    )
    (tmp_path / "haechi.toml").write_text(encode(config), "utf-8")
    assert read(tmp_path / "haechi.toml") == config


def test_bytes_that_are_no_text_are_said(tmp_path: Path) -> None:
    (tmp_path / "haechi.toml").write_bytes(b"version = 1\xff")
    with pytest.raises(BadInput, match=r"haechi\.toml: not TOML: .* Mend the file, or restore it from a backup"):
        read(tmp_path / "haechi.toml")
