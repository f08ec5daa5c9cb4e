"""A document walked in blocks of any size gives what a decoder gives; what is broken, deep or long is refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.formats import jsonstream
from haechi.formats.jsonstream import Walk
from haechi.model.errors import BadInput

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def cut(document: bytes, size: int) -> Iterator[bytes]:
    return (document[at : at + size] for at in range(0, len(document), size))


def walked(walk: Walk, depth: int) -> Any:
    """The document, its upper levels by walking and the rest by cutting out."""
    kind = walk.kind()
    if depth and kind == "{":
        return {key: walked(walk, depth - 1) for key in walk.members()}
    if depth and kind == "[":
        return [walked(walk, depth - 1) for _ in walk.items()]
    return json.loads(walk.value() or b"")


@given(VALUES, st.integers(1, 40), st.integers(0, 4), st.sampled_from([None, 1]))
def test_a_walk_reads_what_a_decoder_reads(value: Any, size: int, depth: int, indent: int | None) -> None:
    document = json.dumps(value, indent=indent).encode()
    walk = Walk(cut(document, size))
    assert walked(walk, depth) == value
    walk.end()


@given(VALUES, st.integers(1, 9))
def test_what_is_passed_is_passed_whole(value: Any, size: int) -> None:
    walk = Walk(cut(json.dumps([value, "next"]).encode(), size))
    seen = []
    for place, _ in enumerate(walk.items()):
        if place == 0:
            walk.skip()
        else:
            seen.append(walk.value())
    walk.end()
    assert seen == [b'"next"']


def test_small_windows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonstream, "_FILL", 1)
    value = {'a\\"b': [{"x": ["y", {"z": "}]"}]}, 1.5e3, None], "long": "x\\" * 50}
    for size in (1, 2, 7):
        assert walked(Walk(cut(json.dumps(value).encode(), size)), 2) == value
        walk = Walk(cut(json.dumps(value).encode(), size))
        walk.skip()
        walk.end()


def test_a_piece_that_is_too_long_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonstream, "_FILL", 8)
    monkeypatch.setattr(jsonstream, "MAX_PART", 100)
    document = json.dumps([{"data": "x" * 1000}, [["y" * 500]], {"uuid": "b"}]).encode()
    walk = Walk(cut(document, 16))
    assert [walk.value() for _ in walk.items()] == [None, None, b'{"uuid": "b"}']
    walk.end()


@pytest.mark.parametrize(
    "document", [b"", b"{", b'{"a"', b'{"a":', b'{"a":1', b'{"a" 1}', b"[1 2]", b"[1,", b'["a', b'{1: 2}', b'{"a": {"b": [}', b"[] []", b"[", b"}"]
)  # fmt: skip
def test_what_is_broken_is_refused_with_its_place(document: bytes) -> None:
    def read() -> None:
        walk = Walk([document], path="a.json")
        walked(walk, 1)
        walk.end()

    with pytest.raises((BadInput, json.JSONDecodeError)) as refused:
        read()
    if isinstance(refused.value, BadInput):
        assert "JSON" in refused.value.reason
        assert refused.value.location.path == "a.json"


def test_what_is_nested_deep_is_cut_out_or_passed_and_entered_only_so_far() -> None:
    document = b"[" * 50_000 + b"]" * 50_000
    assert Walk([document]).value() == document
    Walk([document]).skip()

    def enter(walk: Walk) -> None:
        for _ in walk.items():
            enter(walk)

    with pytest.raises(BadInput, match="too deep"):
        enter(Walk([document]))
