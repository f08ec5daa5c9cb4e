"""Parties of a node, from the caller's side: what is in the catalog afterwards, what is refused, what is audited."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.model.clock import FixedClock
from haechi.model.errors import BadInput, Conflict, NotFound
from haechi.node import audit, parties
from haechi.node.home import Home

HEAD = "name,country,sector,networks,asns,domains,contact\n"
FAB = "Formosa Fab,TW,semiconductor,198.51.100.0/24;2001:db8::/32,AS64500,fab.example,csirt@fab.example\n"
GRID = "Hangang Grid,KR,energy,203.0.113.0/24,,,\n"


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None
    clock = FixedClock(1_790_000_000_000_000)
    made = Home.init(tmp_path / "node", party="TWCERT/CC", country="TW", sector="government", clock=clock, database=url)
    yield made
    made.close()


def imported(home: Home, content: str) -> parties.Imported:
    path = home.path.parent / "parties.csv"
    path.write_text(content, "utf-8")
    return parties.import_file(home, path)


def names(home: Home) -> list[str]:
    return [party.name for party in parties.list_parties(home)]


def said(found: parties.Imported, home: Home) -> list[str]:
    return [str(error).removeprefix(f"{home.path.parent}/") for error in found.refused]


def test_a_party_is_added_and_audited(home: Home) -> None:
    party = parties.add(home, name="Fab", country="TW", sector="semiconductor", networks=["192.0.2.0/24"])
    assert names(home) == ["Fab", "TWCERT/CC"]
    entry = list(home.audit().entries())[-1]
    assert (entry.action, entry.subject) == ("parties.add", f"identity--{party.uuid}")
    assert entry.details == {
        "name": "Fab", "country": "TW", "sector": "semiconductor", "networks": 1, "asns": 0, "domains": 0,
    }  # fmt: skip
    assert audit.verify(home).entries == 2


def test_a_refused_party_is_neither_added_nor_audited(home: Home) -> None:
    with pytest.raises(BadInput, match="not a sector that Haechi knows"):
        parties.add(home, name="Fab", country="TW", sector="chips")
    assert names(home) == ["TWCERT/CC"]
    assert [entry.action for entry in home.audit().entries()] == ["node.init"]


def test_what_cannot_be_audited_is_not_done(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(home.audit(), "append", full)
    with pytest.raises(OSError, match="No space left"):
        parties.add(home, name="Fab", country="TW", sector="energy")
    assert names(home) == ["TWCERT/CC"]


def test_an_update_says_what_changed(home: Home) -> None:
    party = parties.add(home, name="Fab", country="TW", sector="energy", networks=["192.0.2.0/24"])
    parties.update(home, party.id, sector="semiconductor", networks=["192.0.2.0/25"])
    parties.update(home, party.id, sector="semiconductor")
    entries = list(home.audit().entries())
    assert [entry.action for entry in entries] == ["node.init", "parties.add", "parties.update"]
    assert entries[-1].details["changed"] == ["sector", "networks"]
    log = (home.path / "audit/log.jsonl").read_text("utf-8")
    assert "192.0.2" not in log
    with pytest.raises(NotFound):
        parties.update(home, 999, sector="energy")


def test_a_file_is_imported_twice_with_the_same_outcome(home: Home) -> None:
    assert imported(home, HEAD + FAB + GRID) == parties.Imported(added=2)
    before = parties.list_parties(home)
    assert [party.name for party in before] == ["Hangang Grid", "Formosa Fab", "TWCERT/CC"]
    assert before[1].networks == ("198.51.100.0/24", "2001:db8::/32")
    assert imported(home, HEAD + FAB + GRID) == parties.Imported(unchanged=2)
    assert parties.list_parties(home) == before
    entry = list(home.audit().entries())[-1]
    assert entry.details == {"added": 0, "updated": 0, "unchanged": 2, "refused": 0}


def test_columns_that_the_file_lacks_stay(home: Home) -> None:
    imported(home, HEAD + FAB)
    assert imported(home, "name,country,sector,asns\nFormosa Fab,TW,high-tech,64501\n") == parties.Imported(updated=1)
    [fab] = [party for party in parties.list_parties(home) if party.name == "Formosa Fab"]
    assert (fab.sector, fab.asns, fab.domains) == ("high-tech", (64501,), ("fab.example",))


def test_good_lines_go_through_and_each_refusal_says_where(home: Home) -> None:
    bad = [
        "No Country,Taiwan,energy,,,,",
        "No Sector,TW,chips,,,,",
        "No Net,TW,energy,192.0.2.300/24,,,",
        "Host Bits,TW,energy,192.0.2.1/24,,,",
        "Too Wide,TW,energy,0.0.0.0/0,,,",
        "No ASN,TW,energy,,AS0,,",
        "No Domain,TW,energy,,,a..b,",
        "Same Net,TW,energy,198.51.100.0/24,,,",
        "Same Domain,TW,energy,,,FAB.example.,",
        ",TW,energy,,,,",
        "Few,TW",
    ]
    found = imported(home, HEAD + FAB + "\n".join(bad) + "\n" + GRID)
    assert (found.added, found.updated, found.unchanged) == (2, 0, 0)
    assert names(home) == ["Hangang Grid", "Formosa Fab", "TWCERT/CC"]
    sectors = "government, energy, water, telecommunications, transport, finance, health, high-tech, semiconductor, "
    assert said(found, home) == [
        "parties.csv:3 field country = 'Taiwan': not a country code. Write two letters as in ISO 3166-1: TW, KR",
        f"parties.csv:4 field sector = 'chips': not a sector that Haechi knows. Use one of: {sectors}defence, food, media",
        "parties.csv:5 field networks = '192.0.2.300/24': not a network. Write it as 192.0.2.0/24 or 2001:db8::/32",
        "parties.csv:6 field networks = '192.0.2.1/24': the address has bits set behind the prefix. "
        "Write 192.0.2.0/24 if that network is meant",
        "parties.csv:7 field networks = '0.0.0.0/0': a network wider than /8 belongs to no party. Name its parts one by one",
        "parties.csv:8 field asns = 'AS0': not an AS number. Write it as 3462 or AS3462",
        "parties.csv:9 field domains = 'a..b': the name has an empty label",
        "parties.csv:10: 198.51.100.0/24 belongs to 'Formosa Fab' already, so not to 'Same Net'. Take it from one of them",
        "parties.csv:11: fab.example belongs to 'Formosa Fab' already, so not to 'Same Domain'. Take it from one of them",
        "parties.csv:12 field name: the party has no name. Give its name",
        "parties.csv:13: the line has 2 cells, the header 7. "
        "Quote a cell that has a comma in it; separate several networks by ';'",
    ]


def test_a_prefix_moves_from_one_party_to_another_in_one_file(home: Home) -> None:
    imported(home, HEAD + FAB + GRID)
    swapped = FAB.replace("198.51.100.0/24", "192.0.2.0/24"), GRID.replace("203.0.113.0/24", "198.51.100.0/24")
    assert imported(home, HEAD + swapped[1] + swapped[0]) == parties.Imported(updated=2)


def test_a_file_that_is_no_list_of_parties_changes_nothing(home: Home) -> None:
    with pytest.raises(BadInput, match="no column 'address'"):
        imported(home, "name,country,sector,address\nFab,TW,energy,x\n")
    with pytest.raises(BadInput, match="more than 10000 lines can't be taken, so none was"):
        imported(home, HEAD + GRID + "x\n" * 10_001)
    with pytest.raises(NotFound, match="no file"):
        parties.import_file(home, home.path / "nowhere.csv")
    assert names(home) == ["TWCERT/CC"]


def test_a_taken_prefix_is_a_conflict(home: Home) -> None:
    imported(home, HEAD + GRID)
    with pytest.raises(Conflict, match="belongs to 'Hangang Grid' already"):
        parties.add(home, name="Fab", country="TW", sector="energy", networks=["203.0.113.0/24"])


def test_a_second_line_of_one_party_takes_nothing_away(home: Home) -> None:
    content = (
        HEAD + "Fab,TW,energy,192.0.2.0/24,,,\nFab,TW,energy,198.51.100.0/24,,,\nFab,KR,energy,203.0.113.0/24,,,\n"
    )
    found = imported(home, content)
    assert (found.added, said(found, home)[0][:60]) == (
        2, "parties.csv:3 field name = 'Fab': the party stands in line 2"
    )  # fmt: skip
    assert imported(home, content).unchanged == 2
