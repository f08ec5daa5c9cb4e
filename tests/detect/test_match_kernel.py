"""The kernel's own parts; what they find together is held against a reference in test_match."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from haechi.detect.index import build
from haechi.detect.index_kernel import EXACT_TYPES, IndexArrays, bloom_word, hash_values, maybe, mix
from haechi.model.jit import kernel
from tests.detect.conftest import table_of


@kernel
def _mix(h):
    return mix(h)


@kernel
def _word(h):
    return bloom_word(h)


@kernel
def _maybe(h, bloom):
    return maybe(h, bloom)


@given(st.integers(0, 2**64 - 1))
def test_a_hash_is_never_the_free_slots_zero(h: int) -> None:
    assert int(_mix(np.uint64(h))) & 1 == 1
    assert 1 <= int(_word(np.uint64(h))).bit_count() <= 3


def test_hashes_spread() -> None:
    low = {int(_mix(np.uint64(n))) & 0xFFFF for n in range(1, 65_536, 2)}
    assert len(low) > 16_000, "about 1 - 1/e of the odd places"


names = st.lists(st.text("abc.-", min_size=1, max_size=8), max_size=60, unique=True)


@given(names)
def test_each_value_is_in_the_table_once_and_in_the_bloom_words(texts: list[str]) -> None:
    x = IndexArrays(**build(table_of([("domain", t) for t in texts] + [("md5", t) for t in texts])))
    entries = sorted(int(slot & np.uint64(0xFFFFFFFF)) - 1 for slot in x.slots if slot)
    assert entries == list(range(2 * len(texts)))
    assert len(x.slots) >= 2 * len(entries), "half free: a search ends"
    hashes = np.zeros(len(x.kind), np.uint64)
    hash_values(x.data, x.at, x.kind, x.seeds, hashes)
    assert all(_maybe(h, x.bloom) for h in hashes)
    if texts:
        of_name, of_digest = hashes[: len(texts)], hashes[len(texts) :]
        assert not set(of_name.tolist()) & set(of_digest.tolist()), "the type is in the seed"


@given(names)
def test_the_texts_stand_as_given(texts: list[str]) -> None:
    x = IndexArrays(**build(table_of([("domain", t) for t in texts])))
    data = bytes(x.data)
    assert [data[x.at[k] : x.at[k + 1]].decode() for k in range(len(texts))] == texts


def test_most_misses_take_one_look() -> None:
    """Half the words' bits may be set at the most, else every event would be looked up."""
    x = IndexArrays(**build(table_of([("md5", f"{n:032x}") for n in range(20_000)])))
    others = np.zeros(20_000, np.uint64)
    made = build(table_of([("md5", f"{n:031x}x") for n in range(20_000)]))
    hash_values(made["data"], made["at"], made["kind"], x.seeds, others)
    assert sum(bool(_maybe(h, x.bloom)) for h in others) < 3_000


def test_the_types_are_few_and_named_once() -> None:
    assert len(set(EXACT_TYPES)) == len(EXACT_TYPES) < 255
