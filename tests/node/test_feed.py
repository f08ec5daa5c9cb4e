"""Feeds added with their login: the secret lies in one private file, and nowhere else."""

import stat
from pathlib import Path

import pytest

from haechi.model.clock import FixedClock
from haechi.model.errors import Conflict, NodeCannot, NotFound, UsageError
from haechi.model.marking import Tlp
from haechi.node import feed
from haechi.node.feed import Kind, Login
from haechi.node.home import Home
from haechi.store.catalog import indicator_load

NOW = 1_800_000_000_000_000
URL = "https://taxii.example/taxii2/"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.init(tmp_path / "node", party="TWCERT/CC", country="TW", sector="government", clock=FixedClock(NOW))


def secret(folder: Path, text: str) -> Path:
    path = folder / "secret"
    path.write_text(text)
    return path


def test_a_feed_s_life(home: Home, tmp_path: Path) -> None:
    login = Login(username="reader", password_file=secret(tmp_path, "hunter2-hunter2\n"))
    made = feed.add(home, URL, name="vendor", collection="c", login=login, marking=Tlp.GREEN)
    assert (made.kind, made.url, made.collection, made.username, made.private) == ("taxii", URL, "c", "reader", False)
    assert feed.every(home) == [made]
    assert feed.headers(home, made) == {"authorization": "Basic cmVhZGVyOmh1bnRlcjItaHVudGVyMg=="}
    with home.catalog().connect() as conn:
        assert indicator_load.default_marking(conn, made.source_id) is Tlp.GREEN
    kept = home.path / "secrets" / "feed-vendor"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    others = [path for path in home.path.rglob("*") if path.is_file() and path != kept]
    assert not any(b"hunter2" in path.read_bytes() for path in others)
    with pytest.raises(Conflict, match="vendor"):
        feed.add(home, URL, name="vendor")
    assert kept.exists()
    feed.remove(home, "vendor")
    assert feed.every(home) == []
    assert not kept.exists()
    with pytest.raises(NotFound, match="vendor"):
        feed.remove(home, "vendor")
    actions = [(entry.action, entry.subject, entry.details) for entry in home.audit().entries()]
    told = {"kind": "taxii", "host": "taxii.example", "login": "basic"}
    assert actions[1:] == [("feed.add", "feed:vendor", told), ("feed.remove", "feed:vendor", {})]


def test_other_logins(home: Home, tmp_path: Path) -> None:
    token = feed.add(home, URL, name="t", kind=Kind.MISP, login=Login(token_file=secret(tmp_path, "abc")))
    assert feed.headers(home, token) == {"authorization": "Bearer abc"}
    assert feed.headers(home, feed.add(home, URL, name="open", allow_private=True)) == {}


@pytest.mark.parametrize(
    ("url", "name", "error"),
    [
        ("ftp://a.example/", "x", "http"),
        ("https://user:secret@a.example/", "x", "secret"),
        (URL, "../x", "can't name a feed"),
        (URL, "", "can't name a feed"),
        (URL, "x" * 65, "can't name a feed"),
    ],
)
def test_what_can_t_be_a_feed(home: Home, url: str, name: str, error: str) -> None:
    with pytest.raises(UsageError, match=error):
        feed.add(home, url, name=name)
    assert feed.every(home) == []


@pytest.mark.parametrize("text", ["", "\n", "two\nlines", "caf\u00e9", "x" * 4097, "a\x00b"])
def test_what_can_t_be_a_secret(home: Home, tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="one line"):
        feed.add(home, URL, name="x", login=Login(token_file=secret(tmp_path, text)))


def test_what_can_t_be_a_login(home: Home, tmp_path: Path) -> None:
    file = secret(tmp_path, "abc")
    for login in (
        Login(username="u"), Login(password_file=file), Login(username="u:v", password_file=file),
        Login(username="u", password_file=file, token_file=file), Login(username="u", token_file=file),
        Login(username="u\n", password_file=file),
    ):  # fmt: skip
        with pytest.raises(UsageError, match="not both"):
            feed.add(home, URL, name="x", login=login)
    with pytest.raises(NodeCannot, match="can't be read"):
        feed.add(home, URL, name="x", login=Login(token_file=tmp_path / "none"))
