"""The quick way for long lists: a block of rows as Arrow columns, proofs of normal form by RE2 over whole columns.

A proof here is stricter than `formats.quick`: what it doesn't prove goes row by row through the ordinary path, which
also names what is refused. A block with anything unusual (quotes, blank lines, wrong widths) isn't touched at all.
"""

from typing import TYPE_CHECKING, Final

from haechi.model import normal
from haechi.model.indicator import ValueType

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES: Final = 4 << 20  # about 100,000 rows
_MOST_GROUPS: Final = 64  # in a block; with more, row by row is as quick

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# At most 63 characters are looked at, so no label can be too long; RE2 has no look-ahead.
_NAME = r"(?:[a-z0-9_-]+\.)+[a-z]+"
_PROOFS: Final[dict[ValueType, tuple[str, int | None]]] = {
    ValueType.IPV4: (rf"^{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}$", None),
    ValueType.MD5: ("^[0-9a-f]+$", 32),
    ValueType.SHA1: ("^[0-9a-f]+$", 40),
    ValueType.SHA256: ("^[0-9a-f]+$", 64),
    ValueType.SHA512: ("^[0-9a-f]+$", 128),
    ValueType.JA3: ("^[0-9a-f]+$", 32),
    ValueType.DOMAIN: (rf"^{_NAME}$", None),
    # No percent sign, no segment that begins with a dot, no port: nothing that WHATWG would rewrite.
    ValueType.URL: (rf"^https?://{_NAME}/(?:[A-Za-z0-9_~-][A-Za-z0-9_.~-]*/?)*(?:\?[A-Za-z0-9_.~=&+-]*)?$", None),
}
_LONGEST: Final = 63


def rows(block: bytes, delimiter: str, names: tuple[str, ...]) -> "pa.Table | None":
    """The block's rows as string columns, one per name; None where a block needs the ordinary path."""
    import pyarrow as pa
    from pyarrow import csv

    if len(set(names)) < len(names):
        return None  # columns are asked for by name
    if b'"' in block or b"\n\n" in block or b"\r" in block or block.startswith(b"\n") or b"\n#" in block:
        return None
    try:
        return csv.read_csv(
            pa.BufferReader(block),
            read_options=csv.ReadOptions(column_names=list(names), use_threads=False, block_size=len(block) + 1),
            parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError):
        return None


def groups(table: "pa.Table", beside: list[str]) -> "list[tuple[dict[str, str], pa.Array]] | None":
    """Rows by what stands beside the value: (those cells, row numbers); None if there are too many kinds of rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = pa.array(np.arange(table.num_rows))
    if not beside:
        return [({}, numbers)]
    if len(beside) == 1:
        joined = table[beside[0]]
    else:
        joined = pc.binary_join_element_wise(*(table[name] for name in beside), "\x1f")
    coded = joined.combine_chunks().dictionary_encode()
    if len(coded.dictionary) > _MOST_GROUPS:
        return None
    found = []
    for code, cells in enumerate(coded.dictionary.to_pylist()):
        parts = str(cells).split("\x1f") if len(beside) > 1 else [str(cells)]
        if len(parts) != len(beside):
            return None
        at = numbers.filter(pc.equal(coded.indices, pa.scalar(code, coded.indices.type)))
        found.append((dict(zip(beside, parts, strict=True)), at))
    return found


def proven(values: "pa.Array", kinds: frozenset[ValueType]) -> "tuple[list[tuple[ValueType, pa.Array]], pa.Array]":
    """Which values are in normal form for one of `kinds`, by kind, and the places (int64) of the others."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    left = pa.array(np.arange(len(values)))
    found: list[tuple[ValueType, pa.Array]] = []
    bare = len(kinds) > 1  # the type is guessed: file names must not pass for domains, nor 32 hex digits for a JA3
    for kind, (pattern, length) in _PROOFS.items():
        if kind not in kinds or (bare and kind is ValueType.JA3) or not len(left):
            continue
        texts = values.take(left)
        sizes = pc.binary_length(texts)
        sized = pc.less_equal(sizes, _LONGEST) if length is None else pc.equal(sizes, length)
        mask = pc.and_(sized, pc.match_substring_regex(texts, pattern))
        if kind is ValueType.URL:
            mask = pc.and_not(mask, pc.match_substring(texts, "xn--"))
        if kind is ValueType.DOMAIN and bare:
            endings = "|".join(normal.FILE_ENDINGS)
            mask = pc.and_not(mask, pc.match_substring_regex(texts, rf"\.(?:{endings})$"))
        taken = texts.filter(mask)
        if len(taken):
            found.append((kind, taken))
            left = left.filter(pc.invert(mask))
    return found, left
