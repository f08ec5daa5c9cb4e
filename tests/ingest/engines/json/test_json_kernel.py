"""The JSON scanner against json.loads: strings and escapes, numbers, nesting, duplicates, damage, several on a line."""

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.ingest.engines.json.json_table import json_table
from haechi.ingest.reader import Field, Reader
from haechi.ingest.readers import eve
from haechi.ingest.refusal import (
    AFTER_VALUE,
    BAD_ESCAPE,
    BAD_LITERAL,
    BAD_UTF8,
    BRACKET,
    COLON_EXPECTED,
    CONTROL_CHARACTER,
    DUPLICATE_KEY,
    KEY_EXPECTED,
    NOT_OBJECT,
    NUMBER_EXPECTED,
    NUMBER_RANGE,
    TEXT_EXPECTED,
    TOO_DEEP,
    UNTERMINATED,
)
from tests.ingest.conftest import read_text

READER = Reader(
    name="t",
    title="t",
    engine="json",
    link="",
    version="",
    recognise=lambda head: None,
    constants=MappingProxyType({}),
    fields=(
        Field("user", "user"),
        Field("a/long_key_name", "signature"),
        Field("n", "bytes_out"),
        Field("a/b/list", "answers"),
        Field("x", "extra:x"),
    ),
)


def rows(text: bytes) -> list[dict[str, Any]]:
    return read_text(READER, text, finish=False).rows


def codes(text: bytes) -> list[int]:
    return [code for code, _ in read_text(READER, text, finish=False).bad]


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_json = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), _text
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_text, inner, max_size=3)),
    max_leaves=8,
)
_documents = st.fixed_dictionaries(
    {},
    optional={
        "user": _text,
        "n": st.integers(-(10**17), 10**17),
        "x": st.one_of(_text, st.booleans(), st.none()),
        "a": st.fixed_dictionaries({}, optional={"long_key_name": _text, "b": st.fixed_dictionaries({}, optional={"list": st.lists(_text, max_size=4)})}),
        "other": _json,
        "long_key_name": _json,
    },
)  # fmt: skip


def wanted(document: dict[str, Any]) -> dict[str, Any]:
    """What the five fields hold, by way of json.loads' values; empty texts are null."""
    inner = document.get("a", {})
    x = document.get("x")
    shown = {True: "true", False: "false"}[x] if isinstance(x, bool) else x
    found = {
        "user": document.get("user") or None,
        "bytes_out": document.get("n"),
        "signature": inner.get("long_key_name") or None,
        "answers": [text for text in inner.get("b", {}).get("list", []) if text] or None,
        "extra": [("x", shown)] if shown else None,
    }
    return {name: value for name, value in found.items() if value is not None}


@given(st.lists(_documents, min_size=1, max_size=5), st.booleans(), st.sampled_from([(",", ":"), (" , ", " :\t")]))
def test_equals_json_loads(documents: list[dict[str, Any]], ascii_only: bool, separators: tuple[str, str]) -> None:
    lines = [json.dumps(d, ensure_ascii=ascii_only, separators=separators) for d in documents]
    found = rows("\n".join(lines).encode())
    kept = [
        {k: v for k, v in row.items() if k in ("user", "bytes_out", "signature", "answers", "extra")} for row in found
    ]
    assert kept == [wanted(json.loads(line)) for line in lines]


def _is_object(text: bytes) -> bool:
    """True if Python reads it as one object; the escapes and bytes of texts that aren't kept are not looked at."""

    def no_constant(_: str) -> None:
        raise ValueError

    try:
        return isinstance(json.loads(text.decode("utf-8", "replace"), parse_constant=no_constant), dict)
    except json.JSONDecodeError as error:
        return error.msg.startswith("Invalid \\")
    except (ValueError, RecursionError):
        return False


@settings(max_examples=300)
@given(_documents, st.data())
def test_what_is_no_json_is_no_row(document: dict[str, Any], data: st.DataObject) -> None:
    text = bytearray(json.dumps(document, ensure_ascii=False).encode())
    at = data.draw(st.integers(0, len(text) - 1))
    if data.draw(st.booleans()):
        text[at] = data.draw(st.sampled_from(b'"\\{}[]:,0-tn \x01a\xff'))
    else:
        del text[at : at + data.draw(st.integers(1, 9))]
    found = read_text(READER, bytes(text).replace(b"\n", b" "), finish=False)
    if found.rows and not found.bad and len(found.rows) == 1:
        assert _is_object(bytes(text).replace(b"\n", b" "))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"[1]", NOT_OBJECT),
        (b"null", NOT_OBJECT),
        (b'{"user":"a"', UNTERMINATED),
        (b'{"user":"a', UNTERMINATED),
        (b'{"user":', UNTERMINATED),
        (b'{"user":"a\\', UNTERMINATED),
        (b'{"other":"a\\', UNTERMINATED),
        (b'{"us\\', UNTERMINATED),
        (b'{"user" "a"}', COLON_EXPECTED),
        (b"{user:1}", KEY_EXPECTED),
        (b'{"user":"a",}', KEY_EXPECTED),
        (b'{"user":"a" "n":1}', AFTER_VALUE),
        (b'{"user":"a"]', BRACKET),
        (b'{"user":"a\x01"}', CONTROL_CHARACTER),
        (b'{"user":"\\q"}', BAD_ESCAPE),
        (b'{"user":"\\ud800"}', BAD_ESCAPE),
        (b'{"user":"\xff"}', BAD_UTF8),
        (b'{"user":tru}', BAD_LITERAL),
        (b'{"n":12x}', NUMBER_EXPECTED),
        (b'{"n":01}', NUMBER_EXPECTED),
        (b'{"other":01}', NUMBER_EXPECTED),
        (b'{"other":1.}', NUMBER_EXPECTED),
        (b'{"other":-.0}', NUMBER_EXPECTED),
        (b'{"other":1.e5}', NUMBER_EXPECTED),
        (b'{"n":1.5}', NUMBER_EXPECTED),
        (b'{"n":-.0}', NUMBER_EXPECTED),
        (b'{"n":-01}', NUMBER_EXPECTED),
        (b'{"n":1.}', NUMBER_EXPECTED),
        (b'{"n":99999999999999999999}', NUMBER_RANGE),
        (b'{"user":{"a":1}}', TEXT_EXPECTED),
        (b'{"user":"a","user":"b"}', DUPLICATE_KEY),
        (b'{"other":' + b"[" * 70 + b"]" * 70 + b"}", TOO_DEEP),
    ],
)
def test_refusals_leave_the_neighbours(text: bytes, code: int) -> None:
    good = b'{"user":"good"}\n'
    found = read_text(READER, good + text + b"\n" + good, finish=False)
    assert [row["user"] for row in found.rows] == ["good", "good"]
    assert found.bad == [(code, text)]


def test_several_objects_on_a_line() -> None:
    assert [row["user"] for row in rows(b'{"user":"a"}{"user":"b"} {"user":"c"}\n')] == ["a", "b", "c"]
    assert codes(b'{"user":"a"} tail\n') == [AFTER_VALUE]


def test_numbers_as_strings() -> None:
    assert rows(b'{"n":"17"}')[0]["bytes_out"] == 17
    assert codes(b'{"n":"many"}') == [NUMBER_EXPECTED]


def test_strings_at_every_place_of_a_window() -> None:
    for length in range(70):
        text = "a" * length
        (row,) = rows(json.dumps({"other": text, "user": text + '\\"e'}).encode())
        assert row["user"] == text + '\\"e'


def test_more_list_cells_than_a_block_holds_are_read_in_two() -> None:
    line = json.dumps({"a": {"b": {"list": [str(n) for n in range(40)]}}}).encode() + b"\n"
    found = read_text(READER, line * 64, finish=False)
    assert not found.bad
    assert [len(row["answers"]) for row in found.rows] == [40] * 64


@given(st.binary(max_size=200))
def test_no_bytes_break_it(text: bytes) -> None:
    read_text(eve.READER, text)


def test_a_table_numbers_its_extra_keys() -> None:
    _, extra = json_table(READER)
    assert extra.to_pylist() == ["x"]
