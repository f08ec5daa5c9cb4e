"""A node's home: whole or not at all, private, known by version."""

import os
import stat
import tomllib
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from haechi.model.clock import FixedClock
from haechi.model.errors import BadInput, Conflict, NodeCannot, UsageError
from haechi.node.home import Home, find_home
from haechi.store.catalog import parties

CLOCK = FixedClock(1_790_000_000_000_000)


def make(path: Path, **changed: str) -> Home:
    named = {"party": "TWCERT/CC", "country": "TW", "sector": "government"} | changed
    return Home.init(path, clock=CLOCK, **named)


def test_init_makes_a_private_home(tmp_path: Path) -> None:
    home = make(tmp_path / "node")
    home.close()
    inside = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    ours = [path for path in inside if path.parent.name != "lake" and "_delta_log" not in path.parts]
    modes = {str(path): stat.S_IMODE((tmp_path / path).stat().st_mode) for path in ours}
    assert modes == {
        "node": 0o700,
        "node/audit": 0o700,
        "node/audit/checkpoints.jsonl": 0o600,
        "node/audit/log.jsonl": 0o600,
        "node/cache": 0o700,
        "node/catalog.sqlite": 0o600,
        "node/haechi.toml": 0o600,
        "node/keys": 0o700,
        "node/keys/ed25519.pem": 0o600,
        "node/lake": 0o700,
    }


def test_rights_hold_under_an_open_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        home = make(tmp_path / "node")
        with home.catalog().begin() as conn:
            parties.add(conn, name="Grid", country="KR", sector="energy")
            found = {p.name: stat.S_IMODE(p.stat().st_mode) for p in home.path.glob("catalog*")}
        home.close()
    finally:
        os.umask(before)
    assert found == {"catalog.sqlite": 0o600, "catalog.sqlite-wal": 0o600, "catalog.sqlite-shm": 0o600}


def test_the_own_party_is_in_the_catalog(tmp_path: Path) -> None:
    home = make(tmp_path / "node", party='한국 "CERT" \\ 臺灣', country="kr")
    with home.catalog().connect() as conn:
        own = parties.get(conn, home.party_id)
    assert (own.name, own.country, own.sector) == ('한국 "CERT" \\ 臺灣', "KR", "government")
    assert own.uuid == home.config.party_uuid
    assert home.config.party == own.name
    home.close()


def test_the_first_audit_entry_says_who_made_the_node(tmp_path: Path) -> None:
    home = make(tmp_path / "node")
    [entry] = home.audit().entries()
    assert (entry.seq, entry.at, entry.action) == (1, CLOCK.now(), "node.init")
    assert entry.subject == f"node--{home.config.node}"
    assert entry.details == {"party": "TWCERT/CC", "country": "TW", "sector": "government", "version": 1}


def test_two_nodes_share_nothing(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one"), make(tmp_path / "two")
    assert one.config.node != two.config.node
    assert one.config.party_uuid != two.config.party_uuid
    assert (one.path / "keys/ed25519.pem").read_bytes() != (two.path / "keys/ed25519.pem").read_bytes()


def test_an_empty_folder_becomes_a_home(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir(mode=0o755)
    assert stat.S_IMODE(make(tmp_path / "node").path.stat().st_mode) == 0o700


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    (tmp_path / "node/kept").write_text("kept")
    with pytest.raises(UsageError, match=r"exists and isn't an empty folder\. Name a new folder"):
        make(tmp_path / "node")
    assert [p.name for p in (tmp_path / "node").iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"country": "Taiwan"}, "country"), ({"sector": "chips"}, "sector"), ({"party": " "}, "name")],
)
def test_a_refused_init_leaves_nothing(tmp_path: Path, changed: dict[str, str], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        make(tmp_path / "node", **changed)
    assert refused.value.location.field == field
    assert list(tmp_path.iterdir()) == []


def test_an_init_that_fails_midway_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("haechi.node.home._register", full)
    with pytest.raises(OSError, match="No space left"):
        make(tmp_path / "node")
    assert list(tmp_path.iterdir()) == []


def test_no_home_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NodeCannot, match=r"no node at .*/node\. Make one with 'haechi init"):
        Home.open(tmp_path / "node")


@pytest.mark.parametrize(
    ("part", "mode", "advice"),
    [
        ("", 0o755, "chmod 700"),
        ("keys/ed25519.pem", 0o640, "chmod 600"),
        ("haechi.toml", 0o644, "chmod 600"),
        ("keys", 0o710, "chmod 700"),
    ],
)
def test_a_home_that_others_can_read_is_refused(tmp_path: Path, part: str, mode: int, advice: str) -> None:
    make(tmp_path / "node").close()
    (tmp_path / "node" / part).chmod(mode)
    with pytest.raises(NodeCannot, match=f"can be read by others. Run: {advice}"):
        Home.open(tmp_path / "node")


def test_another_users_home_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "node").close()
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    with pytest.raises(NodeCannot, match="belongs to another user"):
        Home.open(tmp_path / "node")


def test_a_newer_home_is_refused_with_advice(tmp_path: Path) -> None:
    make(tmp_path / "node").close()
    settings = tmp_path / "node/haechi.toml"
    settings.write_text(settings.read_text().replace("version = 1", "version = 2\nlatest = true"))
    with pytest.raises(NodeCannot, match=r"has version 2, this software knows up to 1\. Update Haechi"):
        Home.open(tmp_path / "node")


def test_a_newer_catalog_is_refused_with_advice(tmp_path: Path) -> None:
    home = make(tmp_path / "node")
    with home.catalog().begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    home.close()
    with pytest.raises(NodeCannot, match=r"schema version 9999, this software knows up to .* Update Haechi"):
        Home.open(tmp_path / "node").catalog()


@pytest.mark.parametrize("broken", ["version = ", "version = 1\nnode = 5\n", 'version = 1\nstray = "x"\n'])
def test_broken_settings_name_the_file(tmp_path: Path, broken: str) -> None:
    make(tmp_path / "node").close()
    (tmp_path / "node/haechi.toml").write_text(broken)
    with pytest.raises(BadInput, match=r"/haechi\.toml: .*Mend the file"):
        Home.open(tmp_path / "node")


def test_settings_are_toml_and_hide_the_database(tmp_path: Path) -> None:
    home = make(tmp_path / "node", party='a "b" \\ 臺')
    assert tomllib.loads((home.path / "haechi.toml").read_text("utf-8"))["party"] == 'a "b" \\ 臺'
    remote = msgspec.structs.replace(home.config, database="postgresql://u:p@h/n")
    assert "postgresql" not in repr(remote)


@pytest.mark.parametrize("url", ["postgresql://u:secret@db.example/x", "postgresql://u@db.example/x?password=secret"])
def test_a_password_on_the_command_line_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match=r"holds a password.*\.pgpass") as refused:
        make(tmp_path / "node", database=url)
    assert "secret" not in str(refused.value)
    assert not (tmp_path / "node").exists()


def test_a_path_that_the_lake_would_read_as_another_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a%20b/node: %20 in a path is read as an escaped sign"):
        make(tmp_path / "a%20b/node")
    assert list(tmp_path.iterdir()) == []


def test_a_node_can_live_on_postgresql(tmp_path: Path, postgresql_url: str) -> None:
    home = make(tmp_path / "node", database=postgresql_url)
    assert home.catalog().dialect.name == "postgresql"
    with home.catalog().connect() as conn:
        assert parties.get(conn, home.party_id).name == "TWCERT/CC"
    home.close()
    assert not (home.path / "catalog.sqlite").exists()
    with pytest.raises(Conflict, match="the database serves another node already"):
        make(tmp_path / "other", database=postgresql_url)
    assert [p.name for p in tmp_path.iterdir()] == ["node"]


def test_an_init_on_postgresql_that_fails_at_the_end_can_be_called_again(
    tmp_path: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", full)
        with pytest.raises(NodeCannot, match="can't be made: No space left on device"):
            make(tmp_path / "node", database=postgresql_url)
    assert list(tmp_path.iterdir()) == []
    make(tmp_path / "node", database=postgresql_url).close()


def test_which_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert find_home(None) == Path("/somewhere/.haechi")
    monkeypatch.setenv("HAECHI_HOME", "~/node")
    assert find_home(None) == Path("/somewhere/node")
    assert find_home(tmp_path) == tmp_path


def test_who_acts_is_who_logged_in(tmp_path: Path) -> None:
    import os
    import pwd

    from haechi.node.home import _user

    login = tmp_path / "loginuid"
    login.write_text("0")
    assert _user(login) == "user:root"
    login.write_text("4123456")
    assert _user(login) == "uid:4123456"
    account = f"user:{pwd.getpwuid(os.getuid()).pw_name}"
    for unknown in ("4294967295", "x", ""):
        login.write_text(unknown)
        assert _user(login) == account
    assert _user(tmp_path / "none") == account
