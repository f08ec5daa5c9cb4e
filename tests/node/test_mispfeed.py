"""A feed's folder: private, whole, one recipient's alone, without what was withdrawn; MISP's own tool agrees with it."""

import json
import shutil
import stat
from pathlib import Path

import pytest
from pymisp.tools.feed import feed_meta_generator

from haechi.model.clock import FixedClock
from haechi.model.errors import NodeCannot, NotFound, UsageError
from haechi.model.marking import Tlp
from haechi.node import mispfeed
from haechi.node.home import Home
from haechi.node.mispfeed import export
from haechi.store.catalog import ledger
from haechi.store.catalog.ledger import Outgoing, Taken
from tests.exchange.taxii.shared import NOW, recipient
from tests.exchange.test_misp_feed import indicator


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.init(tmp_path / "node", party="TWCERT/CC", country="TW", sector="government", clock=FixedClock(NOW))


@pytest.fixture
def who(home: Home) -> str:
    with home.catalog().begin() as conn:
        found = recipient(conn, "KrCERT")
        bodies = [indicator(1), indicator(2, marking=Tlp.CLEAR), indicator(3, day=1)]
        rows = [Outgoing("indicators", json.loads(one)["id"], "indicator", 1, one, 1, 0, "") for one in bodies]
        ledger.write(conn, found.id, rows, now=NOW)
    return found.name


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_a_folder_that_misp_s_own_tool_agrees_with(home: Home, who: str, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "feed"
    done = export(home, who, folder, hashes=True)
    assert (done.events, done.attributes, done.hashes, done.removed) == (3, 3, 1, 0)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.glob("*.json"):
        shutil.copy(path, copy)
    (copy / "manifest.json").unlink()
    feed_meta_generator(copy)
    assert json.loads((copy / "manifest.json").read_text()) == json.loads((folder / "manifest.json").read_text())
    hashed = (folder / "hashes.csv").read_text().splitlines()
    assert set(hashed) < set((copy / "hashes.csv").read_text().splitlines())  # of what is CLEAR alone
    entry = home.audit().entries()
    last = list(entry)[-1]
    assert (last.action, last.details["events"], "example" in json.dumps(last.details)) == ("misp.export", 3, False)


def test_what_was_withdrawn_leaves_the_folder_and_hashes_are_off_again(home: Home, who: str, tmp_path: Path) -> None:
    folder = tmp_path / "feed"
    export(home, who, folder, hashes=True)
    before = files(folder)
    (folder / "left.json.new").write_text("torn")
    with home.catalog().begin() as conn:
        ledger.write(conn, 1, [], [Taken(2, "")], now=NOW + 10)
    done = export(home, who, folder)
    assert (done.events, done.removed, done.hashes) == (2, 1, 0)
    assert len(files(folder)) == 3
    assert files(folder) < before
    assert not any(b"c2.example" in path.read_bytes() for path in folder.iterdir())


def test_a_folder_of_something_else_is_refused(home: Home, who: str, tmp_path: Path) -> None:
    used = tmp_path / "used"
    used.mkdir()
    (used / "manifest.json").write_text("{}")
    with pytest.raises(UsageError, match="something else"):
        export(home, who, used)
    assert files(used) == {"manifest.json"}
    feed = tmp_path / "feed"
    export(home, who, feed)
    with home.catalog().begin() as conn:
        recipient(conn, "Other")
    with pytest.raises(UsageError, match="something else"):
        export(home, "Other", feed)
    with pytest.raises(UsageError, match="something else"):
        export(home, who, used / "manifest.json")
    with pytest.raises(NotFound):
        export(home, "nobody", tmp_path / "x")


def test_a_disk_that_can_t_is_told(home: Home, who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mispfeed, "fsync_path", full)
    with pytest.raises(NodeCannot, match="No space"):
        export(home, who, tmp_path / "feed")
