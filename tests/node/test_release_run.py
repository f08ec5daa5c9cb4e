"""Long lists by set operations do what short ones do object by object."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.model.marking import Tlp
from haechi.node import indicators, release, release_run
from haechi.store.catalog import releasable
from tests.node.giving import BOTH, Giver


@pytest.fixture(params=BOTH)
def node(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Giver]:
    """A node to which three values are many."""
    for module in (releasable, release_run):
        monkeypatch.setattr(module, "MANY", 3)
    made = Giver(tmp_path, request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None)
    yield made
    made.home.close()


def names(*letters: str) -> str:
    return "".join(f"{letter}.example\n" for letter in letters)


def test_a_long_list_leaves_grows_shrinks_and_is_taken_back(node: Giver) -> None:
    node.adds("ours", names(*"abcde"), own=True)
    kr = node.recipient()
    grant = node.grant(kr, up_to=Tlp.AMBER_STRICT)
    counted = {(line.action, line.count) for line in release.preview(node.home, "KR")}
    assert counted == {("release", 5)}
    assert node.runs(kr).released == 7
    node.adds("ours", names(*"cdefg"), own=True, replace=True)
    counted = {(line.action, line.count) for line in release.preview(node.home, "KR")}
    assert counted == {("release", 2), ("keep", 3), ("withdraw", 2)}
    done = node.runs(kr)
    assert (done.released, done.withdrawn) == (2, 2)
    assert node.patterns(kr) == {f"[domain-name:value = '{letter}.example']" for letter in "cdefg"}
    assert not [letter for letter in "ab" if f"{letter}.example".encode() in node.raw(kr)]
    for letter in "cdef":  # what is left is short
        indicators.expire(node.home, f"{letter}.example", "x")
    assert node.runs(kr).withdrawn == 4
    node.withdraw(grant)
    assert node.runs(kr).withdrawn == 1
    assert node.patterns(kr) == set()
    assert node.runs(kr).last_seq == 0


def test_a_plain_reader_gets_a_long_list_anew_after_it_was_revoked(node: Giver) -> None:
    node.adds("ours", names(*"abcd"), own=True)
    reader = node.recipient("Reader", "consumer")
    grant = node.grant(reader, up_to=Tlp.AMBER_STRICT)
    node.runs(reader)
    for _ in range(2):
        node.withdraw(grant)
        assert node.runs(reader).superseded == 4
        assert all(one["revoked"] for one in node.has(reader).values() if one["type"] == "indicator")
        grant = node.grant(reader, up_to=Tlp.AMBER_STRICT)
        assert node.runs(reader).released == 4
    found = [one for one in node.has(reader).values() if one["type"] == "indicator"]
    assert len(found) == len({one["id"] for one in found}) == 12
    assert sum("revoked" not in one for one in found) == 4
