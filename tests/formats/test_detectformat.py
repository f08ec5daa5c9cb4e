"""Which format, and why; what can't hold indicators is refused with what to do."""

from pathlib import Path

import pytest

from haechi.formats import jsondoc, moment
from haechi.formats.detectformat import Format, detect
from haechi.model.errors import BadInput


@pytest.mark.parametrize(
    ("head", "format"),
    [
        (b'{"type": "bundle", "id": "bundle--1", "objects": [', Format.STIX),
        (b'[{"type":"indicator","id":"indicator--00000000-0000-4000-8000-000000000001"', Format.STIX),
        (b'\xef\xbb\xbf {"response": [{"Event": {', Format.MISP),
        (b'{"Event": {"info": "x"', Format.MISP),
        (b"value,type\n", Format.CSV),
        (b"# a list\n\nip;note\n", Format.CSV),
        (b"#fields\tindicator\tindicator_type\n", Format.CSV),
        (b"domain\nevil.example\n", Format.CSV),
        (b"evil.example\n192.0.2.1\n", Format.PLAIN),
        (b"[.]evil.example\n", Format.PLAIN),
        (b"# only comments\n", Format.PLAIN),
        (b"", Format.PLAIN),
    ],
)
def test_formats(head: bytes, format: Format) -> None:
    found = detect(head)
    assert found.format is format
    assert str(found.why)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"\x1f\x8b\x08", "isn't read. Unpack it"),
        (b"\xff\xfev\0a\0", "UTF-16"),
        (b"MZ\0\0", "NUL bytes"),
        (b'{"a": 1}', "neither a STIX bundle nor a MISP event"),
    ],
)
def test_refused(head: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        detect(head)


def test_real_files(real_data: Path) -> None:
    for folder, format in (("volexity/*.csv", Format.CSV), ("maltrail-apt/apt_*.txt", Format.PLAIN)):
        for path in real_data.glob(folder):
            assert detect(path.read_bytes()[:65_536]).format is format, path
    for path in real_data.glob("eset-malware-ioc/misp/*.json"):
        assert detect(path.read_bytes()[:65_536]).format is Format.MISP, path


def test_times() -> None:
    assert moment.micros("2026-01-01T00:00:00.123456Z") == 1_767_225_600_123_456
    assert moment.micros("2026-01-01T09:00:00+09:00") == moment.micros("2026-01-01") == moment.micros("1767225600")
    for text in ("", "soon", "1767225600000", "1960-01-01"):
        with pytest.raises(BadInput):
            moment.micros(text)


def test_json_documents() -> None:
    assert jsondoc.decode(b"\xef\xbb\xbf[1]", list[int], "f") == [1]
    for data, reason in (
        (b" ", "empty"),
        (b"[", "not valid JSON"),
        (b'["a"]', "expected shape"),
        (b"[" * 99_999, "expected"),
    ):
        with pytest.raises(BadInput, match=reason):
            jsondoc.decode(data, list[int], "f")
    assert (jsondoc.text(3), jsondoc.text(True), jsondoc.text(None)) == ("3", "", "")
    assert jsondoc.texts(["a", 1, ""]) == ("a",)
