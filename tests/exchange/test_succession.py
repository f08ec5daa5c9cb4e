"""How a new key follows an old one."""

from itertools import pairwise

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from haechi.exchange import signed, succession
from haechi.exchange.succession import PURPOSE, Said, Succession
from haechi.model.errors import BadInput, HaechiError, NotVerified
from haechi.store.audit import fingerprint

PARTY = "3f2f0c1e-7d0a-4c7b-9a3e-2b9f0c9d1a11"
KEYS = [Ed25519PrivateKey.generate() for _ in range(6)]
RAW = [key.public_key().public_bytes_raw() for key in KEYS]
CHAIN = [succession.say(PARTY, old, new, now=1) for old, new in pairwise(KEYS)]


def test_both_keys_say_it() -> None:
    assert succession.read(CHAIN[0].text) == CHAIN[0]
    assert (CHAIN[0].old.public_bytes_raw(), CHAIN[0].new.public_bytes_raw()) == (RAW[0], RAW[1])


def test_the_word_of_one_key_alone_counts_nothing() -> None:
    what = CHAIN[0].what
    thief = Ed25519PrivateKey.generate()
    for by_old, by_new in (
        (signed.sign(what, PURPOSE, thief), CHAIN[0].by_new),
        (CHAIN[0].by_old, signed.sign(what, PURPOSE, thief)),
        (CHAIN[0].by_old, CHAIN[0].by_old),
        (CHAIN[0].by_old, CHAIN[1].by_new),
        (signed.sign(what, "haechi receipt 1", KEYS[0]), CHAIN[0].by_new),
    ):
        with pytest.raises(NotVerified):
            succession.read(msgspec.json.encode([by_old, by_new]).decode())


@pytest.mark.parametrize("line", ["", "[]", '["a"]', '["a","b"]', '["{}","{}"]', "[" * 10_000])
def test_what_is_no_succession_is_refused(line: str) -> None:
    with pytest.raises(HaechiError):
        succession.read(line)


def test_a_bad_key_is_refused() -> None:
    what = Succession(party=PARTY, old="00", new=RAW[1].hex(), at=1)
    word = signed.sign(what, PURPOSE, KEYS[0])
    with pytest.raises(BadInput):
        succession.read(msgspec.json.encode([word, word]).decode())


def test_a_message_carries_the_last_ones() -> None:
    assert succession.header([]) == {}
    assert succession.from_headers({}) == []
    headers = succession.header(CHAIN)
    assert succession.from_headers(headers) == CHAIN[-3:]
    for spoilt in ("%%%", "QUJD", headers[succession.FIELD] + "x", "A" * 20_000):
        with pytest.raises(HaechiError):
            succession.from_headers({succession.FIELD: spoilt})


def test_a_key_is_followed_as_far_as_the_chain_fits() -> None:
    assert succession.follow(CHAIN, PARTY, RAW[0]) == RAW[5]
    assert succession.follow(CHAIN[-3:], PARTY, RAW[3]) == RAW[5]
    assert succession.follow(CHAIN[-3:], PARTY, RAW[0]) == RAW[0]  # missed too many
    assert succession.follow(CHAIN, "9b1d4f6a-0a7d-4a55-8f0e-5d7a1c3e2b22", RAW[0]) == RAW[0]


def test_looking_back_leaves_a_change_that_broke_off_aside() -> None:
    def back(chain: list[Said], key: Ed25519PrivateKey) -> list[str]:
        return [fingerprint(one) for one in succession.back_from(chain, key.public_key())]

    ids = [fingerprint(key.public_key()) for key in KEYS]
    assert back(CHAIN, KEYS[5]) == ids[:5]
    assert back([], KEYS[5]) == []
    broken = succession.say(PARTY, KEYS[2], Ed25519PrivateKey.generate(), now=2)
    assert back([CHAIN[0], CHAIN[1], broken, CHAIN[2]], KEYS[3]) == ids[:3]
