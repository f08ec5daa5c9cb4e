from haechi.model.party import PARENT_SECTOR, SECTORS, Party


def test_a_sector_below_another_is_a_sector_of_its_own() -> None:
    for child, parent in PARENT_SECTOR.items():
        assert child in SECTORS
        assert parent in SECTORS
    assert len(set(SECTORS)) == len(SECTORS)


def test_a_party_may_own_nothing_yet() -> None:
    party = Party(id=1, uuid="u", name="TWCERT/CC", country="TW", sector="government")
    assert (party.networks, party.asns, party.domains) == ((), (), ())
