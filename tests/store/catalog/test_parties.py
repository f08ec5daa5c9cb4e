"""Parties and what they own, on SQLite and PostgreSQL."""

import pytest
from sqlalchemy import Engine

from haechi.model.errors import BadInput, Conflict, NotFound
from haechi.store.catalog import parties

FAB = {"name": "Formosa Fab", "country": "TW", "sector": "semiconductor"}
GRID = {"name": "Hangang Grid", "country": "KR", "sector": "energy"}


def test_a_party_comes_back_in_normal_form(engine: Engine) -> None:
    with engine.begin() as conn:
        added = parties.add(
            conn,
            name="  臺灣  Fab ",
            country="tw",
            sector="Semiconductor",
            networks=["2001:DB8::/32", "192.0.2.0/24", "::ffff:198.51.100.0/120", "192.0.2.0/24"],
            asns=["AS3462", 1659],
            domains=["Fab.Example.", "bücher.example"],
            contact="csirt@fab.example",
        )
    with engine.connect() as conn:
        found = parties.get(conn, added.id)
    assert found == added
    assert found.name == "臺灣 Fab"
    assert (found.country, found.sector) == ("TW", "semiconductor")
    assert found.networks == ("192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32")
    assert found.asns == (1659, 3462)
    assert found.domains == ("fab.example", "xn--bcher-kva.example")
    assert found.contact == "csirt@fab.example"


def test_uuids_do_not_follow_from_names(engine: Engine) -> None:
    with engine.begin() as conn:
        first = parties.add(conn, **FAB)
    with engine.begin() as conn:
        parties.update(conn, first.id, name="Former Fab")
        assert parties.add(conn, **FAB).uuid != first.uuid


def test_networks_lists_every_prefix_with_its_party(engine: Engine) -> None:
    with engine.begin() as conn:
        fab = parties.add(conn, **FAB, networks=["198.51.100.0/24", "2001:db8::/32"])
        grid = parties.add(conn, **GRID, networks=["198.51.100.128/25"])
        assert parties.networks(conn) == [
            ("198.51.100.0/24", fab.id),
            ("198.51.100.128/25", grid.id),
            ("2001:db8::/32", fab.id),
        ]


@pytest.mark.parametrize("owned", [{"networks": ["192.0.2.0/24"]}, {"domains": ["fab.example"]}])
def test_two_parties_cannot_own_the_same(engine: Engine, owned: dict[str, list[str]]) -> None:
    with engine.begin() as conn:
        parties.add(conn, **FAB, **owned)  # type: ignore[arg-type]
    [[value]] = owned.values()
    with engine.begin() as conn, pytest.raises(Conflict) as refused, conn.begin_nested():
        parties.add(conn, **GRID, **owned)  # type: ignore[arg-type]
    assert str(refused.value) == (
        f"{value} belongs to 'Formosa Fab' already, so not to 'Hangang Grid'. Take it from one of them"
    )
    with engine.connect() as conn:
        assert [party.name for party in parties.list_parties(conn)] == ["Formosa Fab"]


def test_many_parties_may_sit_in_one_autonomous_system(engine: Engine) -> None:
    with engine.begin() as conn:
        parties.add(conn, **FAB, asns=[3462])
        assert parties.add(conn, **GRID, asns=[3462]).asns == (3462,)


def test_a_name_is_taken_once_in_a_country(engine: Engine) -> None:
    with engine.begin() as conn:
        first = parties.add(conn, **FAB)
        with pytest.raises(Conflict, match=rf"'Formosa Fab' \(TW\) is party {first.id} already"):
            parties.add(conn, **FAB)
        parties.add(conn, name="Formosa Fab", country="KR", sector="media")


def test_update_replaces_what_is_given_and_leaves_the_rest(engine: Engine) -> None:
    with engine.begin() as conn:
        old = parties.add(conn, **FAB, networks=["192.0.2.0/24"], asns=[1], domains=["fab.example"])
        new = parties.update(conn, old.id, sector="high-tech", networks=["192.0.2.0/25", "203.0.113.0/24"])
    with engine.connect() as conn:
        assert parties.get(conn, old.id) == new
    assert (new.uuid, new.asns, new.domains, new.sector) == (old.uuid, old.asns, old.domains, "high-tech")
    assert new.networks == ("192.0.2.0/25", "203.0.113.0/24")


def test_update_cannot_take_another_partys_prefix(engine: Engine) -> None:
    with engine.begin() as conn:
        parties.add(conn, **FAB, networks=["192.0.2.0/24"])
        grid = parties.add(conn, **GRID)
        with pytest.raises(Conflict, match="belongs to 'Formosa Fab' already"):
            parties.update(conn, grid.id, networks=["192.0.2.0/24"])


def test_an_unknown_party_is_not_found(engine: Engine) -> None:
    with engine.connect() as conn, pytest.raises(NotFound, match="no party 7 in the catalog"):
        parties.get(conn, 7)


def test_a_refused_field_is_named(engine: Engine) -> None:
    with engine.begin() as conn, pytest.raises(BadInput) as refused:
        parties.add(conn, **FAB, networks=["192.0.2.7/24"])
    assert str(refused.value) == (
        "field networks = '192.0.2.7/24': the address has bits set behind the prefix. "
        "Write 192.0.2.0/24 if that network is meant"
    )
