"""The node's key: random, private, never overwritten."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from haechi.model.clock import FixedClock
from haechi.model.errors import NodeCannot
from haechi.node import keys
from haechi.node.home import Home


def test_a_key_is_written_private_and_read_again(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = keys.create(tmp_path / "key.pem")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert (tmp_path / "key.pem").read_text().startswith("-----BEGIN PRIVATE KEY-----\n")
    found = keys.load(tmp_path / "key.pem")
    found.public_key().verify(made.sign(b"haechi"), b"haechi")
    other = keys.create(tmp_path / "other.pem")
    assert other.private_bytes_raw() != made.private_bytes_raw()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    keys.create(tmp_path / "key.pem")
    before = (tmp_path / "key.pem").read_bytes()
    with pytest.raises(FileExistsError):
        keys.create(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").read_bytes() == before


def test_what_is_no_key_is_said(tmp_path: Path) -> None:
    with pytest.raises(NodeCannot, match="can't be read: No such file or directory"):
        keys.load(tmp_path / "key.pem")
    (tmp_path / "key.pem").write_bytes(b"not a key")
    with pytest.raises(NodeCannot, match=r"isn't a PKCS#8 key\. Restore it from a backup"):
        keys.load(tmp_path / "key.pem")
    other = X25519PrivateKey.generate()
    pem = other.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    with pytest.raises(NodeCannot, match="isn't an Ed25519 key"):
        keys.load(tmp_path / "key.pem")


def test_a_secret_is_the_same_each_time_and_another_for_each_purpose_and_node(tmp_path: Path) -> None:
    homes = [Home.init(tmp_path / name, party="X", country="TW", sector="energy", clock=FixedClock(1)) for name in "ab"]
    found = [keys.secret(home, purpose) for home in homes for purpose in ("ids", "pseudonym")]
    assert len({*found}) == 4
    assert all(len(one) == 32 for one in found)
    assert keys.secret(homes[0], "ids") == found[0]
