import pytest

from haechi.policy import victim

CLASS, ORG, IP = (
    "identity--00000001-0000-4000-8000-000000000000",
    "identity--00000002-0000-4000-8000-000000000000",
    "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4",
)
TOLD = {ORG: victim.IDENTITY, IP: victim.ADDRESS}


def tells(ref: str) -> str:
    return TOLD.get(ref, "")


def alias(ref: str) -> str:
    return f"alias-of-{list(TOLD).index(ref)}"


def ours(kind: str, value: str) -> bool:
    return value.startswith("192.0.2.")


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"type": "identity", "identity_class": "class"}, ""),
        ({"type": "identity", "identity_class": "organization"}, "identity"),
        ({"type": "identity"}, "identity"),
        ({"type": "ipv4-addr", "value": "192.0.2.9"}, "address"),
        ({"type": "ipv4-addr", "value": "198.51.100.9"}, ""),
        ({"type": "user-account", "user_id": "kim"}, "user"),
        ({"type": "email-addr", "value": "kim@fab.example"}, "user"),
        ({"type": "indicator"}, ""),
        ({}, ""),
    ],
)
def test_what_tells_by_itself(item: dict[str, str], kind: str) -> None:
    assert victim.kind_of(item, ours) == kind


def test_what_tells_by_what_it_refers_to() -> None:
    sighting = {"type": "sighting", "sighting_of_ref": "indicator--x", "where_sighted_refs": [CLASS, ORG]}
    assert victim.fields_of(sighting, tells) == {"identity"}
    assert victim.fields_of({"type": "observed-data", "object_refs": [IP, 5]}, tells) == {"address"}
    assert victim.fields_of({"type": "sighting", "where_sighted_refs": [CLASS]}, tells) == frozenset()
    link = {"type": "relationship", "relationship_type": "targets", "source_ref": ORG, "target_ref": ORG}
    assert victim.fields_of(link, tells) == {"identity"}
    assert victim.fields_of(link | {"relationship_type": "uses"}, tells) == frozenset()


def test_what_isnt_kept_becomes_a_pseudonym_and_raw_content_never_leaves() -> None:
    item = {"type": "sighting", "where_sighted_refs": [CLASS, ORG]}
    assert victim.redacted(item, frozenset(), tells, alias)["where_sighted_refs"] == [CLASS, "alias-of-0"]
    assert victim.redacted(item, frozenset({"identity"}), tells, alias) == item
    raw = {"type": "artifact", "payload_bin": "c2VjcmV0", "mime_type": "x"}
    assert victim.has_raw(raw)
    assert victim.redacted(raw, frozenset(victim.FIELDS), tells, alias) == {"type": "artifact", "mime_type": "x"}
    assert not victim.has_raw({"type": "note", "body": "x"})


@pytest.mark.parametrize("kind", ["identity", *victim.OBSERVABLES])
def test_a_pseudonym_is_a_value_of_its_kind_and_has_nothing_of_the_object(kind: str) -> None:
    item = {"type": kind, "spec_version": "2.1", "id": "old", "value": "secret", "user_id": "secret", "name": "secret"}
    made = victim.pseudonym(item, "new", "0123456789abcdef0123456789abcdef")
    assert made["id"] == "new"
    assert "secret" not in str(made)
    assert made["type"] == ("ipv6-addr" if kind == "ipv4-addr" else kind)
    if kind.startswith("ipv"):
        assert made["value"] == "2001:db8:0123:4567:89ab:cdef:0123:4567"
