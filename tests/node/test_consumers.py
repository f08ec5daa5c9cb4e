import base64
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.model.clock import FixedClock
from haechi.model.errors import BadInput, Conflict, NotFound, UsageError
from haechi.model.release import Relation
from haechi.node import consumers
from haechi.node.home import Home
from haechi.store.catalog import credentials, recipients
from haechi.store.catalog.credentials import BASIC, BEARER

NOW = 1_800_000_000_000_000


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    Home.init(tmp_path / "h", party="X", country="TW", sector="government", clock=FixedClock(NOW)).close()
    opened = Home.open(tmp_path / "h", clock=FixedClock(NOW))
    yield opened
    opened.close()


def test_a_consumer_logs_in_by_either_secret_and_gets_nothing_unless_it_is_granted(home: Home) -> None:
    added, made = consumers.add(home, name="kisa", country="kr", collections=["indicators", "indicators"])
    assert (added.kind, added.country, added.relation, added.last_seq) == ("consumer", "KR", Relation.PUBLIC, 0)
    assert made.user == "kisa"
    token_id, _, secret = made.token.partition(".")
    with home.catalog().connect() as conn:
        for kind, name, said in ((BASIC, made.user, made.secret), (BEARER, token_id, secret)):
            login = credentials.check(conn, kind, name, said)
            assert login is not None
            assert (login.recipient.uuid, login.collections) == (added.uuid, frozenset({"indicators"}))
        assert credentials.check(conn, BASIC, made.user, secret) is None


def test_no_secret_stands_in_the_home_the_audit_log_or_a_repr(home: Home) -> None:
    _, made = consumers.add(home, name="kisa", country="KR")
    newer = consumers.rotate(home, "kisa")
    words = [one.partition(".")[2] or one for one in (made.secret, made.token, newer.secret, newer.token)]
    content = b"".join(file.read_bytes() for file in home.path.rglob("*") if file.is_file())
    for word in words:
        assert word.encode() not in content
        assert word.encode() not in base64.b64encode(content)
        assert word not in repr((made, newer))
    actions = [entry.action for entry in home.audit().entries()]
    assert actions[-2:] == ["consumer.add", "consumer.rotate"]


def test_a_name_that_basic_cannot_carry(home: Home) -> None:
    added, made = consumers.add(home, name="한국인터넷진흥원: A", country="KR")
    assert made.user == f"consumer-{added.uuid[:8]}"


def test_secrets_into_a_file_of_ones_own(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    _, made = consumers.add(home, name="kisa", country="KR", secret_file=path)
    assert tomllib.loads(path.read_text()) == {"user": "kisa", "secret": made.secret, "token": made.token}
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="exists"):
        consumers.rotate(home, "kisa", secret_file=path)


def test_a_file_that_cannot_be_written_leaves_nothing_behind(home: Home, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        consumers.add(home, name="kisa", country="KR", secret_file=tmp_path / "nowhere" / "x")
    assert consumers.every(home) == []


def test_rotated_and_revoked(home: Home) -> None:
    added, made = consumers.add(home, name="kisa", country="KR", collections=["sightings"])
    newer = consumers.rotate(home, added.uuid)
    assert (newer.user, newer.token.partition(".")[0]) == (made.user, made.token.partition(".")[0])
    assert {newer.secret, newer.token}.isdisjoint({made.secret, made.token})
    (one,) = consumers.every(home)
    assert (one.last_used_at, one.logins[0].collections) == (None, ("sightings",))
    gone = consumers.revoke(home, "kisa")
    assert gone.removed_at == NOW
    assert consumers.every(home) == []
    with pytest.raises(NotFound, match="no recipient 'kisa'"):
        consumers.revoke(home, "kisa")
    again, _ = consumers.add(home, name="kisa", country="KR")
    assert again.uuid != added.uuid


def test_what_is_no_consumer(home: Home) -> None:
    with pytest.raises(UsageError, match="no collection 'all'"):
        consumers.add(home, name="kisa", country="KR", collections=["all"])
    with pytest.raises(BadInput):
        consumers.add(home, name="kisa", country="Korea")
    with home.catalog().begin() as conn:
        recipients.add(conn, uuid="p", name="Node", country="KR", kind="peer", relation=Relation.COMMUNITY, now=NOW)
    with pytest.raises(NotFound, match="a peer"):
        consumers.rotate(home, "Node")
    with pytest.raises(Conflict):
        consumers.add(home, name="kisa", country="KR", party="P")
    with pytest.raises(BadInput, match="not a certificate"):
        consumers.read_certificate(b"nonsense", "x.pem")
