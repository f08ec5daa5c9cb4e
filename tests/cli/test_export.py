"""`haechi export` and, in test_import_.py, `haechi import`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.cli.main import main
from tests.node.pair import Pair


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


def test_a_file_for_a_peer(pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, file = str(pair.tw.home.path), str(tmp_path / "file")
    assert main(["--home", home, "export", "--to", "KrCERT", file]) == 2
    assert "nothing to write" in capsys.readouterr().err
    pair.gives(pair.indicator(1, "45.61.136.1"))
    assert main(["--home", home, "export", "--to", "KrCERT", file]) == 0
    assert "for KrCERT: 1 rows after 0 up to 1" in capsys.readouterr().out
    assert main(["--home", home, "export", "--to", "KrCERT", file]) == 2
    assert main(["--home", home, "export", "--to", "KrCERT", file + "2", "--all", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["rows"], done["seq"], done["bytes"]) == (1, 1, (tmp_path / "file2").stat().st_size)
    assert main(["--home", home, "export", "--to", "nobody", file + "3"]) == 1
