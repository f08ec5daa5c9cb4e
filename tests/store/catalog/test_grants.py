import pytest
from sqlalchemy import Engine, text

from haechi.model.errors import Conflict, NotFound
from haechi.model.marking import Tlp
from haechi.model.release import Grant, Recipient, Relation
from haechi.policy.granting import names
from haechi.store.catalog import grants
from haechi.store.catalog.exchange_tables import RULES

KR = "11111111-1111-4111-8111-111111111111"
ID = "22222222-2222-4222-8222-222222222222"
FULL = Grant(
    id=ID,
    recipient=KR,
    types=frozenset({"indicator"}),
    campaigns=frozenset({"Lazarus 2026"}),
    objects=frozenset({"list:a/b"}),
    up_to=Tlp.RED,
    victim_fields=frozenset({"identity"}),
    begins=5,
    ends=9,
)


def rules(engine: Engine) -> int:
    with engine.connect() as conn:
        found = conn.execute(text("SELECT value FROM counter WHERE name = :name"), {"name": RULES}).scalar()
    return int(found or 0)


def test_a_grant_comes_back_as_it_was_given_and_counts_as_a_change(engine: Engine) -> None:
    before = rules(engine)
    with engine.begin() as conn:
        made = grants.add(conn, FULL, at=3, by="user:a")
        assert grants.grants(conn) == [FULL]
    assert (made.made_at, made.made_by, made.approved_at, made.approved_by) == (3, "user:a", 3, "user:a")
    assert rules(engine) == before + 1


def test_a_withdrawn_grant_is_listed_only_when_asked(engine: Engine) -> None:
    with engine.begin() as conn:
        grants.add(conn, FULL, at=3, by="user:a")
        gone = grants.withdraw(conn, ID[:8], at=4)
        assert grants.grants(conn) == []
        assert grants.every(conn, withdrawn=True) == [gone]
        with pytest.raises(Conflict, match="withdrawn before"):
            grants.withdraw(conn, ID, at=5)
        with pytest.raises(NotFound, match="no grant"):
            grants.get(conn, "9")
        with pytest.raises(NotFound, match="no grant"):
            grants.get(conn, "%")
        with pytest.raises(NotFound, match="no grant"):
            grants.get(conn, "")


def test_a_second_person_approves_not_the_first_and_only_once(engine: Engine) -> None:
    import msgspec

    with engine.begin() as conn:
        grants.add(conn, msgspec.structs.replace(FULL, approved=False), at=3, by="user:a")
        assert [one.approved for one in grants.grants(conn)] == [False]
        with pytest.raises(Conflict, match="user:a, who can't approve it"):
            grants.approve(conn, ID, at=4, by="user:a")
        done = grants.approve(conn, ID, at=4, by="user:b")
        assert (done.grant.approved, done.approved_by) == (True, "user:b")
        with pytest.raises(Conflict, match="doesn't wait"):
            grants.approve(conn, ID, at=4, by="user:c")


def test_a_group_grows_and_goes_and_names_nobody_then(engine: Engine) -> None:
    before = rules(engine)
    grant = Grant(id="g", group=ID)
    kr = Recipient(id=KR, relation=Relation.COMMUNITY)
    with engine.begin() as conn:
        assert not names(grant, kr, grants.groups(conn))
        grants.add_group(conn, uuid=ID, name="CERTs", members=[])
        assert not names(grant, kr, grants.groups(conn))
        grants.add_group(conn, uuid="other", name="CERTs", members=[KR, KR])
        assert grants.group(conn, "CERTs").members == (KR,)
        assert names(grant, kr, grants.groups(conn))
        grants.remove_group(conn, ID, [KR])
        assert grants.group(conn, ID).members == ()
        grants.remove_group(conn, ID)
        with pytest.raises(NotFound, match="no sharing group"):
            grants.group(conn, ID)
    assert rules(engine) == before + 4
