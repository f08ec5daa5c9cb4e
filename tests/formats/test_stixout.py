"""What leaves as STIX: canonical bytes that others' libraries take, and that we read back as they were."""

import json
from typing import Any

import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st

from haechi.formats import moment, stix, stixmarking, stixout
from haechi.model.canonical import canonical
from haechi.model.indicator import Context, ValueType
from haechi.model.marking import Pap, Tlp
from haechi.model.party import SECTORS
from haechi.model.source_object import SourceObject
from haechi.model.stixid import keyed, random

ME = "identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
NOW = 1_767_312_000_123_456
VALUES = {
    ValueType.IPV4: "192.0.2.1",
    ValueType.IPV4_NET: "192.0.2.0/24",
    ValueType.IPV4_RANGE: "192.0.2.1-192.0.2.6",
    ValueType.IPV6: "2001:db8::1",
    ValueType.IPV6_NET: "2001:db8::/32",
    ValueType.IPV6_RANGE: "2001:db8::1-2001:db8::9",
    ValueType.DOMAIN: "evil.example",
    ValueType.URL: "http://evil.example/it's?q=\\",
    ValueType.EMAIL: "a@evil.example",
    ValueType.MD5: "d41d8cd98f00b204e9800998ecf8427e",
    ValueType.SHA1: "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    ValueType.SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ValueType.SHA512: "cf83e1357eefb8bd" * 8,
    ValueType.JA3: "d41d8cd98f00b204e9800998ecf8427e",
    ValueType.JA4: "t13d1516h2_8daaf6152771_e5627efa2ab1",
    ValueType.CERT: "da39a3ee5e6b4b0d3255bfef95601890afd80709",
}
FULL = Context(
    actors=("Otter Group",),
    malware=("OtterRAT",),
    campaigns=("Spring tide",),
    kill_chain=("lockheed-martin-cyber-kill-chain:delivery", "odd"),
    references=("https://report.example/1", "a paper report"),
    labels=("malicious-activity", "해치"),
    description='Says "that"\n\t\x7f\x01 𝄞',
)


def indicator(kind: ValueType = ValueType.IPV4, **changes: Any) -> bytes:
    arguments: dict[str, Any] = {
        "id": keyed(bytes(32), "indicator", kind.value),
        "kind": kind,
        "value": VALUES[kind],
        "created": NOW,
        "modified": NOW + 1000,
        "creator": ME,
        "marking": Tlp.AMBER,
    }
    return stixout.indicator(**arguments | changes)


def everything() -> dict[str, bytes]:
    """One of each that is written."""
    found = {f"indicator {kind}": indicator(kind) for kind in ValueType}
    found["full"] = indicator(
        pap=Pap.GREEN, confidence=70, valid_from=NOW, valid_until=NOW + 1, context=FULL, marking=Tlp.AMBER_STRICT
    )
    found |= {f"tlp {tlp}": stixout.marking(tlp) for tlp in Tlp}
    found |= {f"pap {pap}": stixout.pap_marking(pap) for pap in Pap}
    found["identity"] = stixout.identity(
        uuid=ME.removeprefix("identity--"), name="TWCERT", sector="government", country="TW", created=NOW
    )
    for sector in (*SECTORS, ""):
        id = keyed(bytes(32), "identity", sector)
        found[f"class {sector}"] = stixout.class_identity(id=id, sector=sector, created=NOW, creator=ME)
    place = keyed(bytes(32), "location", "TW")
    found["location"] = stixout.location(id=place, country="TW", created=NOW, creator=ME)
    found["sighting"] = stixout.sighting(
        id=random("sighting"), of=keyed(bytes(32), "indicator", "x"), count=3, first=NOW, last=NOW + 1,
        where=[keyed(bytes(32), "identity", ""), place], created=NOW, modified=NOW, creator=ME, marking=Tlp.AMBER,
    )  # fmt: skip
    found["extension"] = stixout.extension()
    return found


@pytest.mark.parametrize("name", everything())
def test_all_is_canonical_and_taken_by_others(name: str) -> None:
    from stix2validator import ValidationOptions, validate_instance

    written = everything()[name]
    assert canonical(written) == written
    document = json.loads(written)
    found = validate_instance(document, ValidationOptions(version="2.1"))
    assert found.is_valid, found
    custom = "x_haechi" in written.decode()
    parsed = stix2.parse(written.decode(), allow_custom=custom, version="2.1")
    assert json.loads(parsed.serialize())["id"] == document["id"]


def test_labels_are_written_as_tlp_2_and_pap_and_read_back() -> None:
    document = json.loads(indicator(marking=Tlp.AMBER_STRICT, pap=Pap.RED))
    assert document["object_marking_refs"] == [
        "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
        "marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e",
    ]
    for tlp in Tlp:
        assert stixmarking.meaning(json.loads(stixout.marking(tlp))) is tlp
    for pap in Pap:
        assert stixmarking.meaning(json.loads(stixout.pap_marking(pap))) is pap


def test_an_id_never_tells_the_value() -> None:
    document = json.loads(indicator(id=keyed(b"secret", "indicator", "feed", "192.0.2.1")))
    assert document["id"] != json.loads(indicator(id=keyed(b"other", "indicator", "feed", "192.0.2.1")))["id"]


@given(st.integers(0, 253_402_300_799_000_000))
def test_times_come_back_to_the_microsecond(at: int) -> None:
    assert moment.micros(stixout.time(at)) == at


def test_sectors_come_back_in_our_words() -> None:
    for sector in SECTORS:
        document = json.loads(stixout.class_identity(id=ME, sector=sector, created=NOW, creator=ME))
        assert stixout.sectors_of(document["sectors"]) == (sector,)
    assert stixout.sectors_of(["retail", "energy", "energy"]) == ("energy", "retail")


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
NAMES = st.lists(WORDS, unique=True, max_size=3).map(tuple)
CONTEXTS = st.builds(
    Context,
    actors=NAMES,
    malware=NAMES,
    campaigns=NAMES,
    kill_chain=st.lists(WORDS | st.just("lockheed-martin-cyber-kill-chain:delivery"), unique=True, max_size=3).map(
        tuple
    ),
    references=st.lists(WORDS | WORDS.map("https://report.example/{}".format), unique=True, max_size=3).map(tuple),
    labels=NAMES,
    description=st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
)
TIMES = st.integers(1, 4_000_000_000_000_000)


@given(
    st.sampled_from(ValueType), st.sampled_from(Tlp), st.none() | st.sampled_from(Pap), st.none() | st.integers(0, 100),
    st.none() | TIMES, st.none() | TIMES, CONTEXTS, TIMES,
)  # fmt: skip
def test_what_is_written_is_read_as_it_was(
    kind: ValueType,
    marking: Tlp,
    pap: Pap | None,
    confidence: int | None,
    valid_from: int | None,
    lasts: int | None,
    context: Context,
    created: int,
) -> None:
    valid_until = None if lasts is None else (valid_from or 0) + lasts
    written = indicator(
        kind, marking=marking, pap=pap, confidence=confidence, valid_from=valid_from, valid_until=valid_until,
        context=context, created=created, modified=created + 1,
    )  # fmt: skip
    assert canonical(written) == written
    (read,) = stix.parse(b'{"objects":[' + written + b"]}", marking=Tlp.RED)
    assert isinstance(read, SourceObject), read
    assert dict(read.values) == {kind: [VALUES[kind]]}
    assert (read.marking, read.pap, read.confidence) == (marking, pap, confidence)
    assert (read.valid_from, read.valid_until, read.modified) == (valid_from, valid_until, created + 1)
    assert (read.raw, read.creator, read.patterns) == (written, ME, ())
    assert {name: sorted(getattr(read.context, name)) for name in ("kill_chain", "references")} == {
        "kill_chain": sorted(context.kill_chain),
        "references": sorted(context.references),
    }
    for name in ("actors", "malware", "campaigns", "labels", "description"):
        assert getattr(read.context, name) == getattr(context, name)


def test_a_range_that_is_not_its_pattern_is_not_believed() -> None:
    document = json.loads(indicator(ValueType.IPV4_RANGE))
    document["extensions"][stixout.EXTENSION]["range"] = "198.51.100.1-198.51.100.9"
    (read,) = stix.parse(json.dumps(document).encode(), marking=Tlp.RED)
    assert isinstance(read, SourceObject)
    assert set(read.values) == {ValueType.IPV4, ValueType.IPV4_NET}
