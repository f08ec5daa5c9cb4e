from haechi.exchange.caller import BASIC, SIGNATURE, Caller
from haechi.model.release import Relation
from haechi.store.catalog.recipients import RecipientRow

ROW = RecipientRow(
    id=1, uuid="u", name="MODA", country="TW", kind="consumer", relation=Relation.PUBLIC, person=False, added_at=0,
    removed_at=None, url="", key=None, next_key=None, tls_pin=None, allow_private=False, confirmed_at=None, epoch=1, last_seq=0, last_date=0,
    seen_change=0, seen_rules=0, good_until=None,
)  # fmt: skip


def test_a_login_bound_to_nothing_has_all_of_its_recipients_collections() -> None:
    assert Caller(ROW, BASIC).may_use("sightings")
    bound = Caller(ROW, BASIC, frozenset({"indicators"}))
    assert (bound.may_use("indicators"), bound.may_use("sightings")) == (True, False)


def test_only_who_signed_is_a_peer() -> None:
    assert Caller(ROW, SIGNATURE).is_peer
    assert not Caller(ROW, BASIC).is_peer
