"""Public suffixes against publicsuffix.org's own cases."""

import os
import re
from pathlib import Path

import pytest

from haechi.model import normal, suffix
from haechi.model.errors import BadInput

DATA = Path(os.environ.get("HAECHI_DATA", Path(__file__).parents[2] / "../shared/data"))
CASES = DATA / "vectors" / "psl" / "test_psl.txt"


def test_suffixes() -> None:
    assert suffix.is_public_suffix("co.kr")
    assert suffix.is_public_suffix("com.tw")
    assert not suffix.is_public_suffix("kisa.or.kr")
    assert suffix.registrable("a.b.kisa.or.kr") == "kisa.or.kr"
    assert suffix.registrable("or.kr") is None
    assert not suffix.is_public_suffix("unlisted")


@pytest.mark.skipif(not CASES.is_file(), reason="no real data: set HAECHI_DATA")
def test_published_cases() -> None:
    unlisted = {"example", "b.example", "local"}  # an unknown top level counts as registrable there, as unknown here
    checked = 0
    for name, want in re.findall(r"^checkPublicSuffix\((.+?), (.+?)\);", CASES.read_text("utf-8"), re.MULTILINE):
        if name == "null":
            continue
        try:
            got = suffix.registrable(normal.domain(name.strip("'")))
        except BadInput:
            assert want == "null", name
            continue
        wanted = None if want == "null" else normal.domain(want.strip("'"))
        if (wanted is not None and wanted in unlisted) or name.strip("'").endswith(("example", "local")):
            assert got is None
        else:
            assert got == wanted, name
        checked += 1
    assert checked > 70


def test_rules_cover_every_suffix() -> None:
    exact, below = suffix.rules()
    assert {"co.kr", "com.tw", "ck"} <= exact
    assert "ck" in below
    assert suffix.is_public_suffix("any.ck")
    assert not suffix.is_public_suffix("www.ck")
    assert all(suffix.is_public_suffix(name) for name in exact)
