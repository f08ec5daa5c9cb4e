"""Events that pymisp reads unmodified, that come back as the same values, and never under a laxer label."""

import ipaddress
import json
from hashlib import md5
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymisp import MISPEvent

from haechi.formats import misp, mispout
from haechi.formats.mispout import Head
from haechi.model.indicator import Context, ValueType
from haechi.model.marking import Pap, Tlp
from haechi.model.source_object import Pattern, SourceObject
from tests.formats.test_patternof import values

EVENT = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
AT = 1_795_000_000_000_000
# One value of each type, in normal form.
TEXTS = {
    ValueType.IPV4: "192.0.2.1", ValueType.IPV4_NET: "192.0.2.0/24", ValueType.IPV4_RANGE: "192.0.2.1-192.0.2.9",
    ValueType.IPV6: "2001:db8::1", ValueType.IPV6_NET: "2001:db8::/32", ValueType.IPV6_RANGE: "2001:db8::1-2001:db8::5",
    ValueType.DOMAIN: "evil.example", ValueType.URL: "http://evil.example/x", ValueType.EMAIL: "kim@evil.example",
    ValueType.MD5: "a" * 32, ValueType.SHA1: "a" * 40, ValueType.SHA256: "a" * 64, ValueType.SHA512: "a" * 128,
    ValueType.JA3: "b" * 32, ValueType.JA4: "t13d1516h2_8daaf6152771_e5627efa2ab1", ValueType.CERT: "c" * 40,
}  # fmt: skip


def head(marking: Tlp = Tlp.AMBER, pap: Pap | None = None) -> Head:
    return Head(
        uuid=EVENT, info="Otter", day="2026-11-18", changed=AT, creator="11111111-2222-4333-8444-555555555555",
        creator_name="TWCERT/CC", marking=marking, pap=pap,
    )  # fmt: skip


def indicator(number: int, kind: ValueType, text: str, **said: Any) -> SourceObject:
    id = f"indicator--00000000-0000-4000-8000-{number:012}"
    return SourceObject(object_id=id, modified=AT, values={kind: [text]}, **{"marking": Tlp.AMBER, **said})


def written(found: list[SourceObject], of: Head) -> bytes:
    return b"".join(mispout.event(of, (mispout.items(one, event=of.uuid) for one in found)))


def read(document: bytes, default: Tlp = Tlp.CLEAR) -> list[SourceObject]:
    return [one for one in misp.parse(document, marking=default) if isinstance(one, SourceObject)]


def addresses(kind: ValueType, text: str) -> set[Any]:
    """A value as what it stands for: an address, a net or a range is the nets that cover it."""
    if not kind.value.startswith("ip"):
        return {(kind, text)}
    first, _, last = text.partition("-")
    if not last:
        return {ipaddress.ip_network(first)}
    return set(ipaddress.summarize_address_range(ipaddress.ip_address(first), ipaddress.ip_address(last)))


@settings(max_examples=60)
@given(
    st.lists(values, min_size=1, max_size=4, unique=True),
    st.sampled_from(Tlp),
    st.none() | st.sampled_from(Pap),
    st.lists(st.text(min_size=1, max_size=9).filter(str.strip), max_size=2),
    st.text(max_size=30),
)
def test_there_and_back(
    found: list[tuple[ValueType, str]], tlp: Tlp, pap: Pap | None, actors: list[str], told: str
) -> None:
    context = Context(actors=tuple(actors), description=told)
    made = [indicator(n, *one, marking=tlp, pap=pap, context=context) for n, one in enumerate(found)]
    back = read(written(made, head(tlp, pap)))
    got = set().union(*(addresses(kind, text) for one in back for kind, texts in one.values.items() for text in texts))
    assert got == set().union(*(addresses(*one) for one in found))
    assert {(one.marking, one.pap) for one in back} == {(tlp, pap)}
    assert all(len(one.context.actors) == len(set(one.context.actors)) <= len(actors) for one in back)


@pytest.mark.parametrize("kind", ValueType)
def test_every_type_comes_back_and_is_one_of_misp_s(kind: ValueType) -> None:
    document = written([indicator(1, kind, TEXTS[kind])], head())
    got = set().union(
        *(addresses(k, text) for one in read(document) for k, texts in one.values.items() for text in texts)
    )
    assert got == addresses(kind, TEXTS[kind])
    event = MISPEvent()
    event.load(document)
    attributes = [*event.attributes, *(part for item in event.objects for part in item.attributes)]
    for one in attributes:
        assert one.type in event.describe_types["category_type_mappings"][one.category]
        assert [tag.name for tag in one.tags] == ["tlp:amber"]


def test_pymisp_makes_of_the_event_what_the_manifest_says() -> None:
    found = [indicator(n, kind, text) for n, (kind, text) in enumerate(TEXTS.items())]
    of = head(Tlp.AMBER_STRICT, Pap.GREEN)
    document = written(found, of)
    event = MISPEvent(strict_validation=True)
    event.load(document)
    assert event.manifest[EVENT] == mispout.described(of)
    feed = event.to_feed(with_meta=True)["Event"]
    assert feed["_manifest"] == {EVENT: mispout.described(of)}
    ours = json.loads(document)["Event"]
    ours["Attribute"] = sorted(ours["Attribute"], key=lambda one: one["uuid"])
    feed["Attribute"] = sorted(feed["Attribute"], key=lambda one: one["uuid"])
    for name in ("uuid", "info", "date", "timestamp", "published", "Orgc", "Tag", "Attribute"):
        assert feed[name] == ours[name], name
    assert [tag["name"] for tag in ours["Tag"]] == ["tlp:amber+strict", "PAP:GREEN"]
    lines = [line for one in found for line in mispout.hashes(mispout.items(one, event=EVENT), EVENT)]
    assert sorted(line.split(",")[0] for line in lines) == sorted(feed["_hashes"])
    assert f"{md5(b'evil.example').hexdigest()},{EVENT}" in lines


def test_what_an_attribute_tells() -> None:
    context = Context(
        actors=('O"tter',), malware=("OtterRAT",), kill_chain=("kill-chain:Delivery", "x:y"), labels=("tlp:clear", "ours"),
        description="seen", sharing_groups=("g",),
    )  # fmt: skip
    one = indicator(1, ValueType.DOMAIN, "evil.example", context=context, valid_from=0, valid_until=1_500_000)
    (made,) = mispout.items(one, event=EVENT).attributes
    assert [tag["name"] for tag in made.pop("Tag")] == [
        "tlp:amber",
        'misp-galaxy:threat-actor="O\'tter"',
        'misp-galaxy:tool="OtterRAT"',
        "kill-chain:Delivery",
    ]
    assert made.pop("uuid") == mispout.items(one, event=EVENT).attributes[0]["uuid"]
    assert made == {
        "type": "domain", "category": "Network activity", "value": "evil.example", "to_ids": True, "comment": "seen",
        "timestamp": "1795000000", "deleted": False, "disable_correlation": False,
        "first_seen": "1970-01-01T00:00:00.000000+00:00", "last_seen": "1970-01-01T00:00:01.500000+00:00",
    }  # fmt: skip


def test_another_event_gives_another_uuid() -> None:
    one = indicator(1, ValueType.DOMAIN, "evil.example")
    other = "6f9619ff-8b86-4011-b42d-00c04fc96400"
    uuids = {mispout.items(one, event=event).attributes[0]["uuid"] for event in (EVENT, other)}
    assert len(uuids) == 2


def test_patterns_go_as_the_rules_that_they_are() -> None:
    kinds = ("stix", "yara", "suricata", "misp:mutex")
    patterns = tuple(Pattern(pattern_type=kind, pattern=f"{kind} rule", reasons=()) for kind in kinds)
    one = SourceObject(object_id="indicator--00000000-0000-4000-8000-000000000001", patterns=patterns)
    made = mispout.items(one, event=EVENT).attributes
    assert [(each["type"], each["value"]) for each in made] == [
        ("stix2-pattern", "stix rule"),
        ("yara", "yara rule"),
        ("snort", "suricata rule"),
    ]
    event = MISPEvent()
    event.load(written([one], head()))
    assert len(event.attributes) == 3
