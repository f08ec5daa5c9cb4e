"""Patterns as people write them: compiled, matched in order, captured; what a capture may and may not run over."""

import numpy as np
import pytest

from haechi.ingest.engines.delimited.delimited_table import ExtraKeys
from haechi.ingest.engines.text.cell_kernel import EXTRA, MOST_CELLS, NUMBER
from haechi.ingest.engines.text.template_kernel import TemplateTable, find_program, match_template, put_captures
from haechi.ingest.engines.text.template_table import Program, Template, compile_templates
from haechi.model.block import N, T
from haechi.model.jit import Num, kernel


@kernel
def _match(buf: Num, n: Num, t: TemplateTable, spans: Num, cells: Num) -> Num:
    number = match_template(buf, np.int64(0), n, np.int64(0), t.template.shape[0], t.template, t.segment, t.text, spans)
    if number >= 0:
        put_captures(cells, buf, t.template[number, 0], t.template[number, 1], t.segment, spans, t.host_key)
    return number


@kernel
def _program(buf: Num, n: Num, t: TemplateTable) -> Num:
    return find_program(buf, np.int64(0), n, t.program_low, t.program_high, t.program)


def _compiled(*patterns: str) -> tuple[TemplateTable, ExtraKeys]:
    keys = ExtraKeys()
    templates = tuple(Template(pattern, "said") for pattern in patterns)
    table, _ = compile_templates([Program(("sshd", "sshd-session-xyz"), "sshd", "", templates)], keys, other="syslog")
    return table, keys


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode() + bytes(64), np.uint8).copy()


def match(pattern: str, text: str) -> dict[str, str | int] | None:
    """What the pattern's captures hold of a text, by slot; None where it doesn't fit."""
    table, keys = _compiled(pattern)
    cells = np.zeros((MOST_CELLS, 3), np.int64)
    if _match(_bytes(text), len(text.encode()), table, np.zeros(64, np.int64), cells) < 0:
        return None
    found: dict[str, str | int] = {}
    for target, begin, n in cells[1 : cells[0, 0] + 1].tolist():
        words = text.encode()[begin : begin + n].decode()
        if target >= EXTRA:
            found[list(keys.numbers)[target - EXTRA]] = words
        elif target >= NUMBER:
            found[list(N)[target - NUMBER]] = begin
        else:
            found[list(T)[target]] = words
    return found


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("a {user} b", "a x b", {"user": "x"}),
        ("a {user} b", "a x y b b", {"user": "x y"}),
        ("a {user*} b", "a x b b", {"user": "x b"}),
        ("a {user} b", "a x c", None),
        ("a {user} b", "b x b", None),
        ("a {user}", "a to the end", {"user": "to the end"}),
        ("a {user} b", "a  b", {}),
        ("{host} port {src_port}", "192.0.2.1 port 22 more", {"src_addr": "192.0.2.1", "src_port": 22}),
        ("{host} port {src_port}", "2001:db8::1 port x", None),
        ("{host}: x", "192.0.2.1: x", {"src_addr": "192.0.2.1"}),
        ("[{host}]", "[2001:db8::1]", {"src_addr": "2001:db8::1"}),
        ("{host} x", "name.example x", {"src_host": "name.example"}),
        ("by {user+host} port {src_port}", "by a b 192.0.2.1 port 2", {"user": "a b", "src_addr": "192.0.2.1", "src_port": 2}),
        ("by {user+host} port {src_port}", "by 192.0.2.1 port 2", {"src_addr": "192.0.2.1", "src_port": 2}),
        ("{_} x {extra:why}", "skipped x because", {"why": "because"}),
    ],
)  # fmt: skip
def test_captures(pattern: str, text: str, found: dict[str, str | int] | None) -> None:
    assert match(pattern, text) == found


def test_the_first_that_fits_counts() -> None:
    table, _ = _compiled("a {user} b {src_port}", "a {user}")
    spans, cells = np.zeros(64, np.int64), np.zeros((MOST_CELLS, 3), np.int64)
    assert [_match(_bytes(text), len(text), table, spans, cells) for text in ("a x b 1", "a x b y", "b")] == [0, 1, -1]


@pytest.mark.parametrize(
    ("name", "number"), [("sshd", 0), ("sshd-session-xyz", 1), ("ssh", -1), ("sshdx", -1), ("", -1), ("s" * 20, -1)]
)
def test_programs_by_their_whole_name(name: str, number: int) -> None:
    table, _ = _compiled("a")
    assert _program(_bytes(name), len(name), table) == number
