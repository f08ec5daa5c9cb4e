from haechi.model.location import Location
from haechi.model.quarantine import Quarantined


def test_it_keeps_the_bytes_as_they_were() -> None:
    raw = b'{"a": \xff\x00\r'
    record = Quarantined(location=Location(line=1), reason="r", raw=raw, reader="eve", input_id=1, at=0)
    assert record.raw == raw
