"""The document that says who a node is."""

import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from haechi.exchange import identity, signed
from haechi.exchange.identity import Identity
from haechi.model.errors import BadInput, HaechiError, NotVerified
from haechi.store.audit import fingerprint

KEY = Ed25519PrivateKey.generate()
SAID = Identity(
    party="3f2f0c1e-7d0a-4c7b-9a3e-2b9f0c9d1a11",
    name="臺灣電腦網路危機處理暨協調中心",
    country="TW",
    sector="government",
    public_key=KEY.public_key().public_bytes_raw().hex(),
    at=1_790_000_000_000_000,
    tls_pin="ab" * 32,
)
DOCUMENT = identity.sign(SAID, KEY)


def signed_with(**changed: Any) -> bytes:
    """A document that its key signed all the same."""
    return identity.sign(msgspec.structs.replace(SAID, **changed), KEY)


def test_what_was_said_is_read_and_the_key_vouches_for_it() -> None:
    found = identity.read(DOCUMENT)
    assert found == SAID
    assert found.key_id == fingerprint(KEY.public_key())
    assert found.key == KEY.public_key().public_bytes_raw()
    assert json.loads(DOCUMENT)["purpose"] == "haechi identity 1"


@pytest.mark.parametrize("field", ["party", "name", "country", "sector", "at", "tls_pin", "apis", "public_key", "key"])
def test_every_altered_part_breaks_the_signature(field: str) -> None:
    document = json.loads(DOCUMENT)
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    document[field] = {"at": 1, "apis": ["taxii-2.1"], "public_key": other}.get(field, "KR")
    with pytest.raises(NotVerified):
        identity.read(json.dumps(document).encode())


def test_a_word_for_another_purpose_is_no_identity() -> None:
    with pytest.raises(NotVerified):
        identity.read(signed.sign(SAID, "haechi receipt 1", KEY).encode())


@pytest.mark.parametrize(
    "changed",
    [
        {"party": "3f2f0c1e"},
        {"party": "../../etc/passwd"},
        {"tls_pin": "xy"},
        {"tls_pin": "AB" * 32},
        {"apis": ("taxii-1.0",)},
        {"country": "XX"},
        {"sector": "piracy"},
        {"name": ""},
        {"name": "a\u202eb"},
        {"name": "x" * 201},
        {"name": "\x1b[31mred"},
    ],
)
def test_what_is_signed_must_make_sense_too(changed: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        identity.read(signed_with(**changed))


@pytest.mark.parametrize(
    "document",
    [b"", b"{}", b"[]", b"\xff", b'{"public_key": "zz"}', b'{"public_key": "00"}', b'{"public_key": 1}',
     b"[" * 100_000, b" " * (identity.MOST + 1), b'{"public_key": "%b"}' % (b"00" * 32)],
)  # fmt: skip
def test_what_is_no_such_document_is_refused(document: bytes) -> None:
    with pytest.raises(HaechiError):
        identity.read(document)


@given(st.binary(max_size=200))
def test_noise_is_refused(document: bytes) -> None:
    with pytest.raises(BadInput):
        identity.read(document)


def test_a_newer_node_may_say_more() -> None:
    document = json.loads(signed_with(apis=("taxii-2.1", "haechi-1", "haechi-2")))
    assert identity.read(json.dumps(document).encode()).apis[-1] == "haechi-2"
