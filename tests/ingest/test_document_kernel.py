"""Documents become lines without a byte moved; how pieces go on is told in test_feed."""

import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.document_kernel import flatten

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)
objects = st.lists(st.dictionaries(st.text(max_size=4), values, max_size=4), max_size=6)


def flat(data: bytes, cuts: list[int] | None = None) -> tuple[bytes, int]:
    """`data` rewritten, in one go or in parts, and the end of the last whole record."""
    buf = np.zeros(len(data) + 64, np.uint8)
    buf[: len(data)] = np.frombuffer(data, np.uint8)
    state, whole, begin = np.zeros(3, np.int64), 0, 0
    for end in [*sorted(cuts or []), len(data)]:
        found = int(flatten(buf, begin, end, state))
        whole = found if found > begin else whole
        begin = end
    return bytes(buf[: len(data)]), whole


def objects_of(text: bytes) -> list[tuple[int, Any]]:
    """(byte offset, object) of a text of objects with blanks between."""
    decoder, found, shown = json.JSONDecoder(), [], text.decode()
    at = shown.find("{")
    while at >= 0:
        value, end = decoder.raw_decode(shown, at)
        found.append((len(shown[:at].encode()), value))
        at = shown.find("{", end)
    return found


@given(objects, st.sampled_from([None, 0, 2]), st.booleans(), st.data())
def test_each_record_on_a_line_of_its_own_where_it_stood(
    found: list[dict[str, Any]], indent: int | None, array: bool, data: Any
) -> None:
    parts = [json.dumps(record, indent=indent, ensure_ascii=False) for record in found]
    text = (f"[{', '.join(parts)}]" if array else "\n".join(parts)).encode(errors="replace")
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=4))
    rewritten, whole = flat(text)
    assert len(rewritten) == len(text)
    assert objects_of(flat(text, cuts)[0]) == objects_of(rewritten), "in parts as in one go"
    assert [value for _, value in objects_of(rewritten)] == json.loads(
        json.dumps(found, ensure_ascii=False).encode(errors="replace")
    )
    assert all(text[at : at + 1] == b"{" for at, _ in objects_of(rewritten))
    lines = [line for line in rewritten.split(b"\n") if line.strip()]
    assert len(lines) <= len(found)
    if array:
        assert len(lines) == len(found), "the comma between two records is room for a line's end"
    if found:
        assert whole == text.rindex(b"}") + 1


def test_strings_are_left_alone() -> None:
    text = b'[{"a": "x, [y]\\n \\"}{"}, {"b": "\\\\"}]'
    rewritten, _ = flat(text)
    assert [value for _, value in objects_of(rewritten)] == json.loads(text)


def test_an_unfinished_record_is_no_whole_one() -> None:
    text = b'[{"a": 1}, {"b": {"c": 2}'
    assert flat(text)[1] == text.index(b"}") + 1
    assert flat(b'[ \n {"a": "}')[1] == 0
