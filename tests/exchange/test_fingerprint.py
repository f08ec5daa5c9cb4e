"""The code that two people compare."""

import hashlib
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.exchange import fingerprint

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
TW, KR = "3f2f0c1e-7d0a-4c7b-9a3e-2b9f0c9d1a11", "9b1d4f6a-0a7d-4a55-8f0e-5d7a1c3e2b22"


def by_the_book(key: bytes, party: str) -> str:
    """Signal's numeric fingerprint, written out from its description: 5,200 hashes, six chunks of five bytes."""
    value = b"haechi peer code 1" + key + party.encode()
    for _ in range(5200):
        value = hashlib.sha512(value + key).digest()
    numbers = [int.from_bytes(value[at : at + 5], "big") % 100000 for at in (0, 5, 10, 15, 20, 25)]
    return "".join(str(number).zfill(5) for number in numbers)


def test_both_sides_see_the_same() -> None:
    shown = fingerprint.code(KEY, TW, OTHER, KR)
    assert shown == fingerprint.code(OTHER, KR, KEY, TW)
    assert shown.replace(" ", "") == "".join(sorted([by_the_book(KEY, TW), by_the_book(OTHER, KR)]))
    assert [len(group) for group in shown.split()] == [5] * 12
    assert fingerprint.lines(shown) == [" ".join(shown.split()[at : at + 4]) for at in (0, 4, 8)]


@pytest.mark.parametrize(
    "other", [(OTHER, TW, OTHER, KR), (KEY, KR, OTHER, TW), (KEY, TW, KEY, KR), (KEY, TW, OTHER, str(uuid4()))]
)
def test_another_key_or_party_is_another_code(other: tuple[bytes, str, bytes, str]) -> None:
    assert fingerprint.code(*other) != fingerprint.code(KEY, TW, OTHER, KR)


def test_a_typed_code_is_taken_however_it_is_spaced() -> None:
    shown = fingerprint.code(KEY, TW, OTHER, KR)
    assert fingerprint.same(shown, shown)
    assert fingerprint.same(shown.replace(" ", ""), shown)
    assert fingerprint.same(shown.replace(" ", "-") + "\n", shown)
    for wrong in ("", shown[:-1], shown + "0", shown.translate(str.maketrans("0123456789", "1234567890")), "가" * 60):
        assert not fingerprint.same(wrong, shown)


@given(st.text(max_size=80))
def test_nothing_else_is_the_code(given: str) -> None:
    shown = "12345 " * 11 + "12345"
    assert fingerprint.same(given, shown) == ("".join(given.replace("-", "").split()) == "12345" * 12)


def test_the_qr_code_is_drawn_in_characters() -> None:
    drawn = fingerprint.qr(fingerprint.code(KEY, TW, OTHER, KR))
    assert 10 < drawn.count("\n") < 25
    assert "█" in drawn or "▀" in drawn or "\x1b" in drawn
    assert drawn != fingerprint.qr(fingerprint.code(KEY, TW, KEY, KR))
