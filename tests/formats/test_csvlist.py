"""CSV lists: columns, types, several digests in a cell, quotes over lines; real files against the csv module."""

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.formats import csvheader, csvlist, csvrecord, typenames
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType as T
from haechi.model.marking import Tlp
from haechi.model.source_object import SourceObject

DATA = Path(__file__).parents[1] / "data/formats/csv"


def parsed(*blocks: bytes, kind: T | None = None) -> tuple[list[SourceObject], list[BadInput]]:
    found = list(csvlist.parse(blocks, path="f", marking=Tlp.AMBER, kind=kind))
    return [one for one in found if isinstance(one, SourceObject)], [one for one in found if isinstance(one, BadInput)]


def texts(objects: list[SourceObject]) -> list[tuple[T, str]]:
    return sorted((kind, text) for one in objects for kind, values in one.values.items() for text in values)


def test_a_repeated_column_is_read_in_long_lists_as_in_short_ones() -> None:
    rows = [f"h{n}.example,first,second" for n in range(400)]
    objects, refused = parsed("\n".join(["domain,note,note", *rows, ""]).encode())
    assert len(texts(objects)) == 400
    assert ({one.context.description for one in objects}, refused) == ({"first"}, [])


def test_columns() -> None:
    objects, refused = parsed((DATA / "normal.csv").read_bytes())
    assert refused == []
    host, digests, address = objects
    assert dict(host.values) == {T.DOMAIN: ["evil.example"]}
    assert (host.marking, host.confidence, host.valid_from) == (Tlp.GREEN, 85, 1_767_225_600_000_000)
    assert (host.context.description, host.context.actors) == ("first, with a comma", ("Otter",))
    assert dict(digests.values) == {T.MD5: ["a" * 32], T.SHA1: ["b" * 40]}
    assert (digests.marking, digests.confidence) == (Tlp.AMBER, 80)
    assert (digests.context.malware, digests.context.campaigns) == (("Stealer", "Loader"), ("Spring",))
    assert (address.marking, dict(address.values)) == (Tlp.RED, {T.IPV4: ["192.0.2.7"]})


def test_bad_rows_among_good_ones() -> None:
    objects, refused = parsed((DATA / "bad.csv").read_bytes())
    assert texts(objects) == [(T.DOMAIN, "evil.example"), (T.DOMAIN, "good.example")]
    assert [str(one) for one in refused] == [
        "f:3 field value = 'not an address': not an IPv4 or IPv6 address",
        "f:4 field type = 'mutex': values of this type aren't matched",
        "f:5 '192.0.2.1,ipaddress,extra': the row has 3 cells, the header 2",
    ]


def test_nothing() -> None:
    assert parsed((DATA / "empty.csv").read_bytes()) == ([], [])
    assert parsed(b"") == ([], [])
    with pytest.raises(BadInput, match="no column of this header holds indicators: name, colour"):
        parsed(b"name,colour\nx,y\n")


def test_columns_named_by_type() -> None:
    objects, refused = parsed(b"ip;domain;md5\n192.0.2.1;a.example;\n;b.example;" + b"a" * 32 + b"\n")
    assert texts(objects) == [
        (T.DOMAIN, "a.example"), (T.DOMAIN, "b.example"), (T.IPV4, "192.0.2.1"), (T.MD5, "a" * 32),
    ]  # fmt: skip
    assert refused == []


def test_zeeks_intel_file() -> None:
    head = b"#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\n"
    objects, refused = parsed(head + b"a.example\tIntel::DOMAIN\tX\tD\nb.example/x\tIntel::URL\tX\t-\n")
    assert texts(objects) == [(T.DOMAIN, "a.example"), (T.URL, "http://b.example/x")]
    assert {one.context.description for one in objects} == {"D", ""}
    assert refused == []


def test_bom_line_ends_and_bad_bytes() -> None:
    objects, refused = parsed(b"\xef\xbb\xbfvalue,type\r\na.example,domain\r\n\xff,domain\r\nb\0.example,domain\r\n")
    assert texts(objects) == [(T.DOMAIN, "a.example")]
    assert [(one.location.line, one.reason) for one in refused] == [
        (3, "the line isn't UTF-8 text"), (4, "the line has a NUL byte"),
    ]  # fmt: skip


def test_a_quoted_cell_over_lines_and_blocks() -> None:
    head = b'value,type,notes\na.example,domain,"one\n'
    objects, refused = parsed(head, b'two"\nb.example,domain,"never closed\n')
    assert texts(objects) == [(T.DOMAIN, "a.example")]
    assert objects[0].context.description == "one\ntwo"
    assert [(one.location.line, one.reason) for one in refused] == [(4, "a quote opens here and isn't closed")]
    record = csvrecord.OpenRecord("f")
    assert len(list(record.records(1, b'"' + b"x\n" * 40_000))) > 0


def test_a_quote_inside_a_cell_opens_nothing() -> None:
    objects, refused = parsed(b'value,note\na.example,5" disk\nb.example,x\nc.example,6" disk\nd.example,x\n')
    assert texts(objects) == [(T.DOMAIN, "d.example")]
    assert [str(one) for one in refused] == [
        "f:2: a quote stands inside a cell that doesn't begin with one, and the next one only on another line."
        " Quote the whole cell, and double the quotes inside it"
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"a.example,domain,101,", "confidence is 0 to 100"),
        (b"a.example,domain,,tomorrow", "not a time"),
        (b"zz,file,,", "single word"),
        (b"a.example,file,,", "not a digest"),
        (b",domain,,", "empty"),
    ],
)
def test_refused_cells(row: bytes, reason: str) -> None:
    _, (refused,) = parsed(b"value,type,confidence,valid_until\n" + row + b"\n")
    assert reason in refused.reason
    assert refused.location.line == 2


_ROW = st.tuples(
    st.one_of(
        st.from_regex(r"[a-zA-Z0-9.-]{1,12}\.(com|exe|a1|xn--a)", fullmatch=True),
        st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?", fullmatch=True),
        st.from_regex(r"(http://)?[a-z]{1,5}\.[a-z]{2,3}/[a-zA-Z0-9./%?~=-]{0,9}", fullmatch=True),
        st.from_regex(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-fA-F]{64}", fullmatch=True),
        st.text(
            st.characters(codec="utf-8", exclude_characters=",", exclude_categories=("Cc", "Zl", "Zp")), max_size=9
        ),
    ),
    st.sampled_from(["", "ip", "domain", "url", "file", "md5", "sha256", "ja3", "email", "mutex"]),
    st.sampled_from(["", "green", "weird"]),
)


@given(st.lists(_ROW, min_size=1, max_size=10))
def test_whole_blocks_and_single_rows_agree(rows: list[tuple[str, str, str]]) -> None:
    body = "".join(",".join(row) + "\n" for row in rows).encode()
    padding = b"pad.example,domain,\n" * (csvlist.SMALL // 20 + 1)
    slow_objects, slow_refused = parsed(b"value,type,tlp\n" + body)
    objects, refused = parsed(b"value,type,tlp\n" + body + padding)
    assert [one for one in by_marking(objects) if one[2] != "pad.example"] == by_marking(slow_objects)
    assert list(map(str, refused)) == list(map(str, slow_refused))


def by_marking(objects: list[SourceObject]) -> list[tuple[Tlp, T, str]]:
    return sorted(
        (one.marking, kind, text) for one in objects for kind, values in one.values.items() for text in values
    )


def test_header() -> None:
    found = csvheader.plan("Indicator;Indicator Type;Comment")
    assert (found.delimiter, found.values, dict(found.roles)) == (";", ((0, None),), {"type": 1, "description": 2})
    assert csvheader.columns("evil.example") == ()
    assert typenames.named(" FileHash-MD5 ") is T.MD5
    with pytest.raises(KeyError):
        typenames.named("mutex")


def test_real_files(real_data: Path) -> None:
    for path in sorted((real_data / "volexity").glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        wanted = sum(len(re.split(r"[,\s]+", row["value"].strip())) for row in rows)
        objects, refused = parsed(path.read_bytes())
        lost = sum(
            len(re.split(r"[,\s]+", rows[one.location.line - 2]["value"])) for one in refused if one.location.line
        )
        assert len(texts(objects)) + lost == wanted, path
        assert len(refused) <= 1
