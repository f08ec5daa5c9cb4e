import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from haechi.detect import index
from haechi.detect.index import FORMAT, Index, build, load, write
from haechi.detect.index_kernel import IndexArrays
from haechi.model.errors import NodeCannot


def values(*found: tuple[str, str]) -> pa.Table:
    n = len(found)
    return pa.table(
        {
            "value_id": pa.array(range(10, 10 + n), pa.int64()),
            "type": pa.array([t for t, _ in found], pa.string()),
            "text": pa.array([x for _, x in found], pa.string()),
            "valid_from": pa.nulls(n, pa.int64()),
            "valid_until": pa.nulls(n, pa.int64()),
            "exact": pa.array([False] * n, pa.bool_()),
        }
    )


SOME = values(("domain", "evil.com"), ("ipv4", "192.0.2.1"), ("ipv6-net", "2001:db8::/32"), ("md5", "0" * 32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "match.index"


def test_what_is_written_is_loaded(path: Path) -> None:
    sections = build(SOME)
    write(path, sections, 41)
    found = load(path)
    assert found is not None
    assert (found.generation, found.values) == (41, 4)
    for name in IndexArrays._fields:
        assert np.array_equal(getattr(found.arrays, name), sections[name]), name
    assert found.arrays.value_id.tolist() == [10, 11, 12, 13]


def test_no_values_at_all(path: Path) -> None:
    write(path, build(values()), 1)
    found = load(path)
    assert found is not None
    assert found.values == 0


def test_the_file_is_private_from_the_first_byte(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        modes.append(os.fstat(descriptor).st_mode & 0o777)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    old = os.umask(0)
    try:
        write(path, build(SOME), 1)
    finally:
        os.umask(old)
    assert modes == [0o600]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_open_to_others_is_refused(path: Path) -> None:
    write(path, build(SOME), 1)
    path.chmod(0o640)
    with pytest.raises(NodeCannot, match="open to other users.*chmod 600"):
        load(path)


def test_the_seed_is_new_at_each_build() -> None:
    """Who sends indicators must not be able to aim at one slot."""
    one, other = build(SOME)["seeds"], build(SOME)["seeds"]
    assert not np.array_equal(one, other)
    assert len(set(one.tolist())) == len(one)


def test_a_reader_keeps_the_old_one(path: Path) -> None:
    write(path, build(SOME), 1)
    old = load(path)
    write(path, build(values(("domain", "other.com"))), 2)
    assert old is not None
    assert old.arrays.value_id.tolist() == [10, 11, 12, 13]
    new = load(path)
    assert new is not None
    assert (new.generation, new.values) == (2, 1)


def _header(change: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        header = json.loads(data[:65536].rstrip(b"\0"))
        change(header)
        return json.dumps(header).encode().ljust(65536, b"\0") + data[65536:]

    return changed


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:1000],
        lambda data: data[:65536],
        lambda data: data[: len(data) // 2],
        lambda data: secrets.token_bytes(200_000),
        lambda data: bytes(200_000),
        lambda data: b"[]".ljust(65536, b"\0") + data[65536:],
        _header(lambda header: header.update(format=FORMAT + 1)),
        _header(lambda header: header["sections"].pop("bloom")),
        _header(lambda header: header["sections"].update(more=["<u8", [1], 65536])),
        _header(lambda header: header["sections"].update(bloom=["<u8", [1 << 50], 65536])),
        _header(lambda header: header["sections"].update(bloom=["<u8", [-1], 65536])),
        _header(lambda header: header["sections"].update(bloom=["nonsense", [4], 65536])),
        _header(lambda header: header["sections"].update(bloom=["|O", [4], 65536])),
        _header(lambda header: header["sections"].update(bloom=["<f8", [4], 65536])),
        _header(lambda header: header["sections"].update(bloom=["<u8", [4, 4], -65536])),
        _header(lambda header: header["sections"].update(bloom=["<u8", [3], 65536])),
    ],
)
def test_whatever_else_lies_there_is_no_index(path: Path, spoil: Callable[[bytes], bytes]) -> None:
    """It is rebuilt; a kernel must not run over a section that is short, or of another type."""
    write(path, build(SOME), 1)
    path.write_bytes(spoil(path.read_bytes()))
    assert load(path) is None


def test_there_is_none(path: Path) -> None:
    assert load(path) is None


def test_less_than_two_hundred_bytes_a_value(path: Path) -> None:
    """As a node has them: names, addresses, URLs and digests."""
    many = [("domain", f"host-{n}.evil-{n % 977}.example.com") for n in range(40_000)]
    many += [("ipv4", f"{n % 200 + 1}.{n >> 8 & 255}.{n & 255}.7") for n in range(25_000)]
    many += [("url", f"http://evil-{n}.example.com/some/path/of/usual/length?id={n}") for n in range(15_000)]
    many += [("sha256", f"{n:064x}") for n in range(20_000)]
    write(path, build(values(*many)), 1)
    assert path.stat().st_size < 200 * len(many)


def test_an_index_says_what_it_is() -> None:
    assert Index.__struct_fields__ == ("generation", "values", "arrays")
    assert index.FORMAT >= 1
