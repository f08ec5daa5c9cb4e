import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from haechi.exchange import signed
from haechi.model.errors import BadInput, NotVerified

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


class Said(msgspec.Struct):
    count: int
    names: list[str]


SAID = Said(3, ["한국", "臺灣"])


def test_what_is_signed_comes_back() -> None:
    word = signed.sign(SAID, "test 1", KEY)
    assert signed.verify(word, Said, "test 1", KEY.public_key()) == SAID


def test_any_change_is_found() -> None:
    word = signed.sign(SAID, "test 1", KEY)
    with pytest.raises(NotVerified, match="signature for the purpose 'test 1' doesn't hold"):
        signed.verify(word.replace('"count":3', '"count":4'), Said, "test 1", KEY.public_key())
    with pytest.raises(NotVerified, match="doesn't hold"):
        signed.verify(word.replace('"count"', '"added":1,"count"'), Said, "test 1", KEY.public_key())


def test_a_word_is_good_for_one_key_and_one_purpose() -> None:
    word = signed.sign(SAID, "test 1", KEY)
    with pytest.raises(NotVerified, match="isn't signed by that key"):
        signed.verify(word, Said, "test 1", OTHER.public_key())
    with pytest.raises(NotVerified, match="for the purpose 'test 2'"):
        signed.verify(word, Said, "test 2", KEY.public_key())


@pytest.mark.parametrize("word", ["", "[]", "{}", "[" * 100_000, '{"count":1,"names":[],"signature":7}', "\ud800"])
def test_what_is_no_such_document_is_refused(word: str) -> None:
    with pytest.raises(BadInput, match="not a signed document"):
        signed.verify(word, Said, "test 1", KEY.public_key())


def test_size_is_bounded() -> None:
    with pytest.raises(BadInput, match="more than the"):
        signed.verify(" " * (signed.MOST + 1), Said, "test 1", KEY.public_key())
