from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from haechi.model.event import EVENT, SIGHTING
from haechi.store.lake import Lake
from haechi.store.lake.contents import Damage, Part, check, flaws, stats

DAY = 20_000
US = 86_400_000_000


def write(lake: Lake, *times: int, kind: str = EVENT, day: int = DAY) -> Path:
    ts = pa.array([day * US + at for at in times], pa.timestamp("us", tz="UTC"))
    staged = lake.write(kind, day, pa.table({"ts": ts, "domain": pa.array(["a.example"] * len(times))}))
    lake.commit([staged], {staged.path: 1})
    return lake.path / staged.path


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "홈 100%")


def test_rows_files_and_span_by_kind_and_day(lake: Lake) -> None:
    files = [write(lake, 5_000, 9_000), write(lake, 1_000)]
    other = write(lake, 7_000, kind=SIGHTING, day=DAY + 1)
    assert stats(lake) == [
        Part(
            kind=EVENT,
            day=date(2024, 10, 4),
            files=2,
            rows=3,
            bytes=sum(file.stat().st_size for file in files),
            first=DAY * US + 1_000,
            last=DAY * US + 9_000,
        ),
        Part(
            kind=SIGHTING,
            day=date(2024, 10, 5),
            files=1,
            rows=1,
            bytes=other.stat().st_size,
            first=(DAY + 1) * US + 7_000,
            last=(DAY + 1) * US + 7_000,
        ),
    ]


def test_an_empty_lake(lake: Lake) -> None:
    assert (stats(lake), flaws(lake), list(check(lake))) == ([], [], [])


def test_a_sound_lake_under_any_name(lake: Lake) -> None:
    write(lake, 1_000)
    assert (flaws(lake), list(check(lake))) == ([], [])


def test_what_is_gone_cut_damaged_or_another_file(lake: Lake) -> None:
    gone, cut, damaged, other = (write(lake, *range(0, 1_000 * rows, 1_000)) for rows in (1, 2, 3, 4))
    other.write_bytes(cut.read_bytes())
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-9])
    page = bytearray(damaged.read_bytes())
    page[4:60] = bytes(56)
    damaged.write_bytes(page)
    assert {flaw.path for flaw in flaws(lake)} == {gone, cut, other}, "what lies between the ends isn't read"
    found = {damage.path: damage.why for damage in check(lake)}
    assert set(found) == {gone, cut, damaged, other}
    assert str(found[other]) == "2 rows, 4 in the log"
    assert all(isinstance(damage, Damage) for damage in check(lake))
