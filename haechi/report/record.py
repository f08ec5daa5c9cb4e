"""A record's fields as lines, and its original bytes so that nothing in them can drive a terminal."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from haechi.report.format import time
from haechi.report.table import cells, pad, printable


def fields(record: Mapping[str, Any], *, times: Iterable[str] = ()) -> Iterator[str]:
    """One line a field that holds something; `times` names those that are microseconds UTC.

    >>> list(fields({"ts": 1_700_000_000_000_000, "src_addr": "192.0.2.1", "user": None}, times=["ts"]))
    ['  ts        2023-11-14 22:13:20 UTC', '  src_addr  192.0.2.1']
    """
    moments = set(times)
    shown = {name: value for name, value in record.items() if value not in (None, "", (), [], {})}
    width = max(map(cells, shown), default=0)
    for name, value in shown.items():
        yield f"  {pad(name, width)}  {printable(time(value) if name in moments else _plain(value))}"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_plain(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return str(value)


def raw_text(raw: bytes) -> str:
    r"""Original bytes as one line of text: what isn't UTF-8 or can't be seen stands as an escape.

    >>> raw_text(b'a\x1b[2J\xff\xed\x95\xb4')
    'a\\x1b[2J\\xff해'
    """
    return printable(raw.decode("utf-8", "backslashreplace"))


def hex_lines(raw: bytes) -> Iterator[str]:
    r"""Sixteen bytes a line: offset, hex, and the visible ASCII, as `xxd` and `hexdump -C` show it.

    >>> list(hex_lines(b"GET /\n"))
    ['00000000  47 45 54 20 2f 0a                                |GET /.|']
    """
    for at in range(0, len(raw), 16):
        part = raw[at : at + 16]
        seen = "".join(chr(b) if 32 <= b < 127 else "." for b in part)
        halves = f"{part[:8].hex(' ')}  {part[8:].hex(' ')}" if len(part) > 8 else part.hex(" ")
        yield f"{at:08x}  {halves:<48} |{seen}|"
