import gzip
import io
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest

from haechi.ingest.source import Source
from haechi.model.errors import BadInput, NodeCannot

DATA = b"".join(b"line %d\n" % n for n in range(50_000))


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)  # type: ignore[no-any-return]


def whole(path: Path, step: int = 65_537) -> bytes:
    source = Source(path)
    try:
        found = b""
        while more := source.read(step):
            assert len(more) <= step
            found += more
        return found
    finally:
        source.close()


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


FORMS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("", lambda data: data),
    "gzip": ("gzip", gzip.compress),
    "gzip of members": ("gzip", lambda data: gzip.compress(data[:70_000]) + gzip.compress(b"") + gzip.compress(data[70_000:])),
    "gzip padded by zeros": ("gzip", lambda data: gzip.compress(data) + bytes(1024)),
    "zstd": ("zstd", zstd),
    "zstd of frames": ("zstd", lambda data: zstd(data[:70_000]) + zstd(data[70_000:])),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("step", [1_000, 65_537, 1 << 22])
def test_the_content_tells_the_form_not_the_name(tmp_path: Path, form: str, step: int) -> None:
    compression, pack = FORMS[form]
    path = written(tmp_path / "log.txt", pack(DATA))
    assert whole(path, step) == DATA
    source = Source(path)
    assert (source.compression, source.cut_off) == (compression, False)
    assert source.head == DATA[: len(source.head)]
    assert len(source.head) == 65_536
    assert source.digest_of_first(4096) == sha256(DATA[:4096]).digest()
    target = bytearray(len(DATA) + 10)
    filled = 0
    while n := source.readinto(memoryview(target)[filled:]):
        filled += n
    assert bytes(target[:filled]) == DATA
    assert source.position == len(DATA)
    source.close()


BLOCK = 128 << 10  # of zstd: nothing of one can be told before it is whole (RFC 8878, 3.1.1.2.4)
VARIED = b"".join(sha256(b"%d" % n).hexdigest().encode() + b"\n" for n in range(40_000))  # packs evenly


@pytest.mark.parametrize("form", ["gzip", "gzip of members", "zstd", "zstd of frames"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_what_stands_before_a_cut_is_read(tmp_path: Path, form: str, kept: float) -> None:
    packed = FORMS[form][1](VARIED)
    path = written(tmp_path / "log", packed[: int(len(packed) * kept)])
    source = Source(path)
    found = b""
    while more := source.read(1 << 20):
        found += more
    assert source.cut_off
    assert VARIED.startswith(found)
    assert len(found) > kept * len(VARIED) - BLOCK
    source.close()


@pytest.mark.parametrize("step", [4096, 1 << 22])
def test_what_stands_before_a_damage_is_read(tmp_path: Path, step: int) -> None:
    """Also within the one call that meets it: a wrong check sum at the end must not cost the whole log."""
    packed = bytearray(gzip.compress(DATA))
    packed[-5] ^= 255  # of the CRC
    path = written(tmp_path / "log.gz", bytes(packed))
    source = Source(path)
    found = b""
    while more := source.read(step):
        found += more
    assert source.cut_off
    assert found == DATA
    source.close()
    packed = bytearray(gzip.compress(DATA, 1))
    middle = len(packed) // 2
    packed[middle : middle + 200] = bytes(200)
    source = Source(written(tmp_path / "log.gz", bytes(packed)))
    found = b""
    while more := source.read(step):
        found += more
    source.close()
    assert source.cut_off
    assert found[: int(len(DATA) * 0.4)] == DATA[: int(len(DATA) * 0.4)]


def test_what_stands_before_a_damage_of_zstd_is_read(tmp_path: Path) -> None:
    packed = bytearray(zstd(VARIED))
    middle = len(packed) // 2
    packed[middle : middle + 200] = bytes(200)
    source = Source(written(tmp_path / "log.zst", bytes(packed)))
    found = b""
    while more := source.read(1 << 22):
        found += more
    source.close()
    assert source.cut_off
    assert VARIED.startswith(found)
    assert len(found) > len(VARIED) // 2 - BLOCK


@pytest.mark.parametrize("form", ["plain", "gzip", "zstd"])
def test_a_disk_that_fails_while_a_log_is_read_names_the_log(tmp_path: Path, form: str) -> None:
    """It is no cut-off stream: what follows may be read when the disk is well again."""
    path = written(tmp_path / "log", FORMS[form][1](os.urandom(3 << 20).hex().encode()))
    source = Source(path)
    source._opened.close()
    source._file._file = _Failing()  # type: ignore[assignment]
    with pytest.raises(NodeCannot, match=r"log: could not be read: Input/output error"):
        list(iter(lambda: source.read(1 << 20), b""))
    assert not source.cut_off


class _Failing(io.RawIOBase):
    def read(self, n: int = -1) -> bytes:
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("form", ["plain", "gzip", "zstd"])
def test_how_much_of_the_file_is_read(tmp_path: Path, form: str) -> None:
    source = Source(written(tmp_path / "log", FORMS[form][1](DATA)))
    while source.read(1 << 20):
        pass
    assert source.stored_position == source.size
    source.close()


def test_a_bomb_fills_no_memory(tmp_path: Path) -> None:
    """64 MiB of zeros in 64 KiB: no call gives more than was asked for."""
    path = written(tmp_path / "bomb.gz", gzip.compress(bytes(64 << 20)))
    source = Source(path)
    assert len(source.head) == 65_536
    total = len(source.read(65_536))
    while more := source.read(1 << 16):
        assert len(more) <= 1 << 16
        total += len(more)
    assert total == 64 << 20
    source.close()


@pytest.mark.parametrize("form", ["plain", "gzip", "zstd"])
def test_going_to_an_offset(tmp_path: Path, form: str) -> None:
    path = written(tmp_path / "log", FORMS[form][1](DATA))
    for offset in (0, 1, 65_536, 300_000, len(DATA)):
        source = Source(path)
        assert source.skip_to(offset)
        assert source.position == offset
        assert source.read(100) == DATA[offset : offset + 100]
        source.close()
    source = Source(path)
    assert not source.skip_to(len(DATA) + 1)
    source.close()


def test_unread_comes_again(tmp_path: Path) -> None:
    source = Source(written(tmp_path / "log", DATA))
    first = source.read(10)
    source.unread(first[4:])
    assert source.position == 4
    assert source.read(20) == DATA[4:24]
    source.close()


def test_an_empty_file(tmp_path: Path) -> None:
    source = Source(written(tmp_path / "log", b""))
    assert (source.head, source.read(10), source.compression) == (b"", b"", "")
    source.close()


def test_a_file_that_is_truncated_while_read_ends_early(tmp_path: Path) -> None:
    """A mapped file would kill the process here (SIGBUS)."""
    path = written(tmp_path / "log", DATA)
    source = Source(path)
    source.read(65_536)
    os.truncate(path, 65_540)
    assert source.read(1 << 20) == DATA[65_536:65_540]
    assert source.read(1 << 20) == b""
    source.close()


def test_a_file_that_vanishes_while_read_is_read_on(tmp_path: Path) -> None:
    path = written(tmp_path / "log", DATA)
    source = Source(path)
    path.unlink()
    found = b""
    while more := source.read(1 << 20):
        found += more
    assert found == DATA
    source.close()


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="absent: no such file") as refused:
        Source(tmp_path / "absent")
    assert refused.value.location.path == str(tmp_path / "absent")
    assert refused.value.exit_status == 1


def test_no_permission(tmp_path: Path) -> None:
    path = written(tmp_path / "log", DATA)
    path.chmod(0)
    if os.geteuid() == 0:
        code = (
            "import os, sys; from pathlib import Path; from haechi.ingest.source import Source\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "try: Source(Path(sys.argv[1]))\nexcept Exception as e: print(type(e).__name__, e)"
        )
        for folder in (tmp_path, *tmp_path.parents):
            if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
                folder.chmod(folder.stat().st_mode | 0o011)
        ran = subprocess.run([sys.executable, "-c", code, str(path)], check=False, capture_output=True, text=True)
        if ran.returncode:
            pytest.skip(f"no other user may run here: {ran.stderr[-200:]}")
        assert ran.stdout.startswith("NodeCannot")
        assert "no permission" in ran.stdout
        return
    with pytest.raises(NodeCannot, match="no permission to read it"):
        Source(path)


def test_a_pipe_a_device_and_a_folder_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = len(os.listdir("/proc/self/fd"))
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(BadInput, match="not a regular file"):
            Source(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_process_substitution_waits_for_its_writer() -> None:
    """`haechi ingest <(zcat ...)` names /dev/fd/63: a slow writer isn't the end of the log."""
    reading, writing = os.pipe()
    writer = subprocess.Popen(
        [sys.executable, "-c", "import sys, time\nfor n in range(3): print(n, flush=True); time.sleep(0.3)"],
        stdout=writing,
    )
    os.close(writing)
    source = Source(Path(f"/dev/fd/{reading}"), head_bytes=2)
    found = b""
    while more := source.read(100):
        found += more
    source.close()
    os.close(reading)
    assert writer.wait() == 0
    assert found == b"0\n1\n2\n"


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (written(tmp_path / "in.gz", gzip.compress(DATA))).open("rb") as file:
        wrapper = io.TextIOWrapper(file)
        monkeypatch.setattr(sys, "stdin", wrapper)
        source = Source(None)
        found = b""
        while more := source.read(1 << 20):
            found += more
        assert (found, source.name, source.compression) == (DATA, "-", "gzip")
        source.close()
        assert not file.closed
        wrapper.detach()
