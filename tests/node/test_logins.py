import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.exchange.message import Request
from haechi.model.clock import FixedClock
from haechi.node import consumers
from haechi.node.consumers import Secrets
from haechi.node.home import Home
from haechi.node.logins import Known, Logins

NOW = 1_800_000_000_000_000


class World:
    def __init__(self, home: Home) -> None:
        self.home, self.logins = home, Logins(home)
        _, self.secrets = consumers.add(home, name="kisa", country="KR")

    def ask(self, **headers: str) -> Known | None:
        with self.home.catalog().connect() as conn:
            return self.logins.recognise(conn, Request("GET", "/", headers))

    def basic(self, secrets: Secrets) -> Known | None:
        login = base64.b64encode(f"{secrets.user}:{secrets.secret}".encode()).decode()
        return self.ask(authorization=f"Basic {login}")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    Home.init(tmp_path / "h", party="X", country="TW", sector="government", clock=FixedClock(NOW)).close()
    opened = Home.open(tmp_path / "h", clock=FixedClock(NOW))
    yield World(opened)
    opened.close()


def test_basic_and_bearer(world: World) -> None:
    found = world.basic(world.secrets)
    assert found is not None
    assert (found.caller.how, found.caller.recipient.name) == ("basic", "kisa")
    assert [one.name for one in found.caller.known] == ["inbox", "indicators", "sightings"]
    found = world.ask(authorization=f"bearer {world.secrets.token}")
    assert found is not None
    assert found.caller.how == "bearer"


def test_what_logs_nobody_in(world: World) -> None:
    user, secret, token = world.secrets.user, world.secrets.secret, world.secrets.token

    def basic(said: bytes) -> str:
        return "Basic " + base64.b64encode(said).decode()

    for field in (
        "",
        "Basic",
        "Basic !",
        "Basic " + "A" * 5000,
        basic(b"\xff\xfe"),
        basic(b"no colon"),
        basic(f"{user}:".encode()),
        basic(f"{user}:{secret}x".encode()),
        basic(f":{secret}".encode()),
        basic(f"{user}:{token}".encode()),
        f"Bearer {token}x",
        f"Bearer {secret}",
        f"Bearer {user}.{secret}",
        f"Token {token}",
        f"{basic(f'{user}:{secret}'.encode())}, Basic x",
    ):
        assert world.ask(authorization=field) is None
    assert world.ask() is None


def test_what_was_checked_is_remembered_until_a_login_changes(world: World) -> None:
    first = world.basic(world.secrets)
    assert world.basic(world.secrets) is first
    newer = consumers.rotate(world.home, "kisa")
    assert world.basic(world.secrets) is None
    second = world.basic(newer)
    assert second is not None
    consumers.add(world.home, name="other", country="KR")
    third = world.basic(newer)
    assert third is not None
    assert third is not second  # asked anew
    consumers.revoke(world.home, "kisa")
    assert world.basic(newer) is None


def test_the_last_use(world: World) -> None:
    known = world.basic(world.secrets)
    assert known is not None
    assert world.logins.stale(known)
    world.logins.used(known)
    assert not world.logins.stale(known)
    assert consumers.every(world.home)[0].last_used_at == NOW
    assert isinstance(world.home.clock, FixedClock)
    world.home.clock.at += 61_000_000
    assert world.logins.stale(known)
