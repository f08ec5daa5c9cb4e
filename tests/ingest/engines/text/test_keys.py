"""Keys learned as they are met: found by hash, compared whole, bounded."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.engines.delimited.delimited_table import ExtraKeys
from haechi.ingest.engines.text.cell_kernel import EXTRA
from haechi.ingest.engines.text.key_kernel import LONGEST_KEY, MOST_KEYS, KeyTable, find_key
from haechi.ingest.engines.text.keys import OTHERS, Keys
from haechi.model.jit import Num, kernel


@kernel
def _find(buf: Num, n: Num, k: KeyTable) -> Num:
    return find_key(buf, np.int64(0), n, k.slot, k.text, k.length)


def _bytes(key: bytes) -> np.ndarray:
    return np.frombuffer(key + b"=junk" + bytes(64), np.uint8).copy()


def learn(keys: Keys, key: bytes) -> bool:
    keys.table.unknown[:2] = 0, len(key)
    return keys.learn(_bytes(key))


@given(st.lists(st.text(st.sampled_from("abAB01_."), min_size=1, max_size=LONGEST_KEY), unique=True, max_size=60))
def test_what_is_learned_is_found_and_nothing_else(names: list[str]) -> None:
    keys = Keys({}, ExtraKeys())
    for number, name in enumerate(names):
        key = name.encode()
        assert _find(_bytes(key), len(key), keys.table) == -1
        assert learn(keys, key)
        assert _find(_bytes(key), len(key), keys.table) == number


def test_known_keys_have_their_targets_and_own_names_step_aside() -> None:
    extra = ExtraKeys()
    keys = Keys({"src": 1}, extra, own=["host"])
    learn(keys, b"host")
    assert keys.table.target[:2].tolist() == [1, EXTRA + 1]
    assert extra.array().to_pylist() == ["src", "data.host"]


def test_there_is_an_end_to_learning() -> None:
    extra = ExtraKeys()
    keys = Keys({}, extra)
    learned = sum(learn(keys, b"k%d" % n) for n in range(MOST_KEYS + 50))
    assert learned == MOST_KEYS
    assert extra.array().to_pylist()[-1] == OTHERS


def test_nothing_met_nothing_learned() -> None:
    assert not Keys({}, ExtraKeys()).learn(_bytes(b"x"))
