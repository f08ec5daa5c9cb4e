"""Plain lists: comments, Maltrail's references, refusals by line; real lists against a count of their lines."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.formats import bulk, lines, lists, plain, quick
from haechi.model import normal
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType as T
from haechi.model.marking import Tlp
from haechi.model.source_object import SourceObject

DATA = Path(__file__).parents[1] / "data/formats/plain"


def parsed(*blocks: bytes, kind: T | None = None) -> tuple[list[SourceObject], list[BadInput]]:
    found = list(plain.parse(blocks, path="f", marking=Tlp.GREEN, kind=kind))
    return [one for one in found if isinstance(one, SourceObject)], [one for one in found if isinstance(one, BadInput)]


def values(objects: list[SourceObject]) -> dict[T, list[str]]:
    together: dict[T, list[str]] = {}
    for one in objects:
        for kind, texts in one.values.items():
            together.setdefault(kind, []).extend(texts)
    return {kind: sorted(texts) for kind, texts in together.items()}


def test_maltrails_layout() -> None:
    objects, refused = parsed((DATA / "normal.txt").read_bytes())
    first, second = objects
    assert dict(first.values) == {
        T.DOMAIN: ["evil.example"], T.URL: ["http://bad.example/gate.php"], T.IPV4: ["192.0.2.1"],
    }  # fmt: skip
    assert first.context.references == ("https://report.example/one", "https://report.example/two")
    assert first.context.labels == ("alias:Sparkling Otter", "alias:otter-7")
    assert dict(second.values) == {T.IPV4_NET: ["192.0.2.0/24"], T.MD5: ["d41d8cd98f00b204e9800998ecf8427e"]}
    assert second.context.references == ("https://report.example/three",)
    assert (first.object_id, first.marking, first.raw) == ("", Tlp.GREEN, None)
    assert [str(one) for one in refused] == [
        "f:10 field value = '/only/a/path': not a value that Haechi knows (address, domain, URL, e-mail, digest, JA4)"
    ]


def test_odd_bytes() -> None:
    objects, refused = parsed(b"\xef\xbb\xbfa.example\r\nb\xff.example\nc.example", b"")
    assert values(objects) == {T.DOMAIN: ["a.example", "c.example"]}
    assert [(one.location.line, one.reason) for one in refused] == [(2, "the line isn't UTF-8 text")]
    assert parsed(b"") == ([], [])
    _, refused = parsed(b"a" * 20_000 + b"\nb.example\n")
    assert [one.reason for one in refused] == ["the line is longer than 16384 bytes"]


def test_a_type_that_is_said() -> None:
    objects, _ = parsed(b"a" * 32 + b"\n", kind=T.JA3)
    assert values(objects) == {T.JA3: ["a" * 32]}


_LINE = st.one_of(
    st.from_regex(r"[a-z0-9.]{1,12}\.(com|exe|a1|K|xn--a)", fullmatch=True),
    st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
    st.from_regex(r"https?://[a-z]{1,5}\.[a-z]{2,3}/[a-zA-Z0-9./%?~=-]{0,9}", fullmatch=True),
    st.from_regex(r"([0-9a-f]{32}|[0-9a-fG]{40}|[0-9a-f]{64})", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=12),
)


@given(st.lists(_LINE, min_size=1, max_size=12))
def test_whole_blocks_and_single_lines_agree(texts: list[str]) -> None:
    """The block way must give what line by line gives, refusals with their lines too."""
    block = "\n".join(texts).encode() + b"\n"
    slow = parsed(block)
    padded = block + b"pad.example\n" * (plain.SMALL // 12 + 1)
    objects, refused = parsed(padded)
    kept = values(objects)
    kept[T.DOMAIN] = [text for text in kept[T.DOMAIN] if text != "pad.example"]
    wanted = values(slow[0])
    wanted.setdefault(T.DOMAIN, [])
    wanted[T.DOMAIN] = [text for text in wanted[T.DOMAIN] if text != "pad.example"]
    assert kept == wanted
    assert list(map(str, refused)) == list(map(str, slow[1]))


@given(st.one_of(_LINE, st.text(max_size=20)))
def test_a_proof_is_the_normal_form(text: str) -> None:
    kind = quick.proven(text)
    if kind is not None:
        assert normal.guess(text) == (kind, text)
        assert normal.normalise(kind, text) == text


@given(st.lists(_LINE, min_size=1, max_size=20))
def test_a_proof_of_a_column_is_the_normal_form(texts: list[str]) -> None:
    import pyarrow as pa

    found, left = bulk.proven(pa.array(texts), frozenset(T) - {T.JA3})
    for kind, column in found:
        for text in column.to_pylist():
            assert normal.guess(text) == (kind, text)
    assert sum(len(column) for _, column in found) + len(left) == len(texts)


def test_values_of_a_said_type() -> None:
    assert quick.value("192.0.2.1:80", T.IPV4) == (T.IPV4, "192.0.2.1")
    assert quick.value("192.0.2[.]0/24", T.IPV4) == (T.IPV4_NET, "192.0.2.0/24")
    with pytest.raises(BadInput):
        quick.value("evil.example", T.IPV4)


def test_lines_are_cut_at_newlines_only() -> None:
    assert list(lines.numbered([b"a\rb\r\nc\n", b"d"])) == [(1, b"a\rb\r\n"), (2, b"c\n"), (3, b"d")]


def test_groups_are_handed_on_and_forgotten() -> None:
    groups = lists.Groups()
    for number in range(lists.BLOCK):
        groups.add(lists.Attributes(marking=Tlp.GREEN), T.DOMAIN, f"{number}.example")
    was_full = groups.full
    (one,) = groups.hand_on()
    assert (was_full, groups.full, len(one.values[T.DOMAIN])) == (True, False, lists.BLOCK)
    assert list(groups.hand_on()) == []


def test_real_lists(real_data: Path) -> None:
    for path in sorted((real_data / "maltrail-apt").glob("apt_*.txt")):
        wanted = sum(bool(line.strip()) and not line.startswith("#") for line in path.read_text("utf-8").splitlines())
        objects, refused = parsed(path.read_bytes())
        assert sum(len(texts) for one in objects for texts in one.values.values()) + len(refused) == wanted, path
        assert all(one.location.value.startswith("/") for one in refused)  # paths without a host
