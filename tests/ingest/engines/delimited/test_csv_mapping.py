"""Each fault of a mapping file is named with the setting and what to do."""

import tomllib
from pathlib import Path

import pytest

from haechi.ingest.engines.delimited.csv_mapping import CsvMapping, load_mapping, read_mapping
from haechi.model.errors import BadInput

GOOD = '[fields]\nWhen = "time"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fields", "m.toml: the mapping can't be read: .*. docs/guide/ingest.md shows one whole"),
        ('name = "zeek-tsv"\n' + GOOD, "name = 'zeek-tsv': another format has this name"),
        (GOOD + 'more = 5\n[fields.x]\nto="user"\nwhat="x"\n', "can't be read"),
        ('separator = ",,"\n' + GOOD, "m.toml field separator = ',,': it must be one ASCII character"),
        ("separator = '\"'\n" + GOOD, "separator and quote are the same"),
        ('unset = ["not available"]\n' + GOOD, "one to eight bytes"),
        ("header = false\n" + GOOD, "columns doesn't list it|needs them"),
        ('time_zone = "Asia/Atlantis"\n' + GOOD, "there is no such time zone"),
        ('[fields]\nWhen = "user"\n', "no column goes to time"),
        (GOOD + 'Src = "source"\n', "fields.Src = 'source': there is no such event field. Use extra:NAME"),
        (GOOD + 'Src = {to="user", unit="s"}\n', "there is no such unit"),
        (GOOD + '[constants]\nport = "1"\n', "no text field has this name"),
        (GOOD + '[activities]\n"a-very-long-type" = "dns"\n', "at most twelve bytes"),
    ],
)
def test_faults(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_mapping(text.encode(), "m.toml")


def test_the_guide_shows_every_setting() -> None:
    page = (Path(__file__).parents[4] / "docs/guide/ingest.md").read_text()
    text = page.split("```toml\n")[1].split("```")[0]
    assert set(tomllib.loads(text)) == set(CsvMapping.__struct_fields__)
    assert read_mapping(text.encode(), "m.toml").targets()["Elapsed"].unit == "ms"


def test_a_whole_one(fixtures: Path) -> None:
    mapping = load_mapping(fixtures / "csv" / "firewall.toml")
    assert mapping.targets()["Elapsed"].unit == "s"
    assert mapping.separator == ","
