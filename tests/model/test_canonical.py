import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from haechi.model.canonical import canonical, digest, encoded
from haechi.model.errors import BadInput

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
)


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_published_vectors(real_data: Path, name: str) -> None:
    folder = real_data / "vectors/jcs"
    wanted = bytes.fromhex((folder / f"outhex/{name}.txt").read_text())
    assert canonical((folder / f"input/{name}.json").read_bytes()) == wanted


@given(_VALUES)
def test_the_fast_encoder_writes_what_the_slow_one_does(value: Any) -> None:
    assert canonical(msgspec.json.encode(value)) == rfc8785.dumps(value)
    assert encoded(value) == rfc8785.dumps(value)


def test_order_of_keys_and_white_space_dont_count() -> None:
    assert digest(b'{"b": 1,\n"a":[ ]}') == digest(b'{"a":[],"b":1}') == hashlib.sha256(b'{"a":[],"b":1}').digest()


@pytest.mark.parametrize("text", [b"{", b'{"a": 9007199254740993}', b'"\xff"', b"[" * 5000 + b"]" * 5000])
def test_what_has_no_canonical_form_is_refused(text: bytes) -> None:
    with pytest.raises(BadInput, match="no canonical form"):
        canonical(text)
