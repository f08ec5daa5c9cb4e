"""Packed or not, the same bytes; what is damaged, cut off or a bomb is refused with what to do."""

import gzip
import io
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from haechi.model.errors import BadInput
from haechi.node import unpacked as module
from haechi.node.unpacked import STDIN, Meter, unpacked

TEXT = b"".join(b"h%d.example\n" % n for n in range(200_000))


def zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


def read(path: Path, told: list[tuple[int, int | None]] | None = None) -> bytes:
    meter = Meter(100, lambda done, total: told.append((done, total)) if told is not None else None)
    with unpacked(path, meter) as (head, file):
        data = file.read()
    assert head == data[: len(head)]
    return data


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_told_by_content(tmp_path: Path, pack: object) -> None:
    path, told = tmp_path / "list", list[tuple[int, int | None]]()
    path.write_bytes(pack(TEXT))  # type: ignore[operator]
    assert read(path, told) == TEXT
    assert told[-1] == (len(TEXT), 100 if pack is bytes else None)


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(gzip.compress(TEXT))
    with path.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        assert read(STDIN) == TEXT


GZIP, ZSTD = gzip.compress(TEXT), zstd(TEXT)


@pytest.mark.parametrize(
    "broken", [GZIP[: len(GZIP) // 2], GZIP[:2000] + b"damage" + GZIP[2006:], ZSTD[: len(ZSTD) // 2], ZSTD[:-1]]
)
def test_a_cut_or_damaged_file_is_refused(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "list"
    path.write_bytes(broken)
    with pytest.raises(BadInput, match="damaged or cut off. Fetch it again"):
        read(path)


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "list"
    path.write_bytes(gzip.compress(bytes(5 << 20)))
    monkeypatch.setattr(module, "MOST_UNPACKED", 4 << 20)
    with pytest.raises(BadInput, match="unpacks to more than 4 MiB"):
        read(path)
    path.write_bytes(bytes(5 << 20))  # as large as it is, and no surprise
    assert len(read(path)) == 5 << 20
