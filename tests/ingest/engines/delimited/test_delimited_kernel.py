"""The delimited scanner against a split, at every place of its 64-byte windows."""

from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.engines.delimited.delimited_table import ExtraKeys, column_table
from haechi.ingest.reader import Field
from haechi.ingest.readers.zeek_tsv import READER
from haechi.model.block import T
from tests.ingest.conftest import read_text

HEADER = b"#separator \\x09\n#set_separator\t,\n#path\tdns\n#fields\tts\tuid\tquery\tanswers\tproto\n#types\ttime\tstring\tstring\tvector[string]\tenum\n"
_text = st.text(
    st.characters(
        min_codepoint=33, max_codepoint=0x4E10, blacklist_characters="\\,#", blacklist_categories=("Cs", "Cc", "Zs")
    ),
    max_size=80,
)


@given(st.lists(st.tuples(_text, _text, st.lists(_text, max_size=3), _text), max_size=8))
def test_equals_a_split(rows: list[tuple[str, str, list[str], str]]) -> None:
    lines = [
        "\t".join(("1.5", uid or "-", query or "(empty)", ",".join(answers) or "-", proto))
        for uid, query, answers, proto in rows
    ]
    found = read_text(READER, HEADER + "\n".join(lines).encode(), finish=False).rows
    assert len(found) == len(rows)
    for row, (uid, query, answers, proto) in zip(found, rows, strict=True):
        kept = [text for text in answers if text]
        unset = {"", "-", "(empty)"}
        assert row.get("flow_id") == (None if uid in unset else uid)
        assert row.get("domain") == (None if query in unset else query)
        assert row.get("proto") == (None if proto in unset else proto)
        assert row.get("answers") == (None if ",".join(answers) in unset or not kept else kept)


def test_blank_lines_and_comments_at_every_place() -> None:
    for length in range(1, 70):
        text = HEADER + b"1.5\t" + b"u" * length + b"\tq\t-\ttcp\n\r\n\n#close\tx\n1.5\tb\tq\t-\ttcp\n"
        found = read_text(READER, text, finish=False)
        assert [row["flow_id"] for row in found.rows] == ["u" * length, "b"]
        assert found.blank == 5 + 3


@given(st.binary(max_size=300))
def test_no_bytes_break_it(text: bytes) -> None:
    read_text(READER, HEADER + text)


def test_more_list_cells_than_a_block_holds_are_read_in_two() -> None:
    line = b"1.5\tu\tq\t" + b",".join(b"%d" % n for n in range(40)) + b"\ttcp\n"
    found = read_text(READER, HEADER + line * 64, finish=False)
    assert not found.bad
    assert len(found.rows) == 64
    assert all(len(row["answers"]) == 40 for row in found.rows)


def test_a_table_leaves_out_what_is_not_wanted() -> None:
    keys = ExtraKeys()
    table = column_table(["a", "b"], [Field("b", "user")], keys, separator=b"\t", mark=b"\\", unset=[b"-"])
    assert list(table.kind) == [0, 1]
    assert table.target[1] == T["user"]
    assert not len(keys.array())
