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


def test_taken_and_answered(pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taiwan, korea = str(pair.tw.home.path), str(pair.kr.home.path)
    file, answer = str(tmp_path / "file"), str(tmp_path / "answer")
    pair.gives(pair.indicator(1, "45.61.136.1"), pair.indicator(2, "45.61.136.2"))
    assert main(["--home", taiwan, "export", "--to", "KrCERT", file]) == 0
    capsys.readouterr()
    assert main(["--home", korea, "import", file, "--answer", answer]) == 0
    assert capsys.readouterr().out == "from TWCERT: 2 rows, 2 objects, 0 withdrawals; receipts agree\n"
    assert main(["--home", korea, "import", file]) == 4
    assert "taken before" in capsys.readouterr().err
    assert main(["--home", taiwan, "import", answer, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["answer"], done["receipts"]) == (True, 2)
    (tmp_path / "cut").write_bytes(Path(file).read_bytes()[:-3])
    assert main(["--home", korea, "import", str(tmp_path / "cut")]) == 1
    assert main(["--home", korea, "import", str(tmp_path / "none")]) == 3
    assert main(["--home", korea, "audit", "verify"]) == 0


def test_refused_objects_are_told(pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An object that the catalog can't take: the file goes through, the exit status tells."""
    bad = pair.indicator(1, "45.61.136.1")._replace(body=b'{"type":"indicator","id":"x"}')
    pair.gives(bad, pair.indicator(2, "45.61.136.2"))
    file = str(tmp_path / "file")
    assert main(["--home", str(pair.tw.home.path), "export", "--to", "KrCERT", file]) == 0
    assert main(["--home", str(pair.kr.home.path), "import", file]) == 1
    assert "1 objects could not be taken" in capsys.readouterr().err
