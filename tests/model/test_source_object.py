"""What a parser leaves open claims nothing, and why a pattern isn't evaluated can be stored and told later."""

from haechi.messages.catalogue import Message, decode, encode
from haechi.model.marking import UNMARKED
from haechi.model.source_object import Pattern, SourceObject


def test_an_object_claims_nothing_by_itself() -> None:
    one = SourceObject(object_id="")
    assert (one.marking, one.confidence, one.valid_from, one.valid_until) == (UNMARKED, None, None, None)
    assert (one.values, one.patterns, one.revoked) == ({}, (), False)


def test_the_reasons_of_a_pattern_outlast_storage() -> None:
    inner = Message("error.value.url_scheme.reason", {"scheme": "ldap"})
    reasons = (Message("error.audit.broken.reason", {"place": "a:1", "why": inner}), Message("gone.left"))
    kept = Pattern(pattern_type="stix", pattern="[a:b = 1]", reasons=decode(encode(reasons)))
    assert [str(one) for one in kept.reasons] == ["a:1: URLs of scheme 'ldap' aren't matched", "no longer in the list"]
