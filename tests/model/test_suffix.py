"""Public suffixes against publicsuffix.org's own cases."""

import os
import re
from itertools import pairwise
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
    assert not suffix.is_public_suffix("unlisted")


def registrable(name: str) -> str | None:
    """What somebody registered: the name that stands right below a public suffix."""
    labels = name.split(".")
    names = [".".join(labels[k:]) for k in range(len(labels))]
    if suffix.is_public_suffix(name):
        return None
    return next((one for one, above in pairwise(names) if suffix.is_public_suffix(above)), None)


@pytest.mark.skipif(not CASES.is_file(), reason="no real data: set HAECHI_DATA")
def test_published_cases() -> None:
    unlisted = {"example", "b.example", "local"}  # an unknown top level counts as registrable there, as unknown here
    checked = 0
    for name, want in re.findall(r"^checkPublicSuffix\((.+?), (.+?)\);", CASES.read_text("utf-8"), re.MULTILINE):
        if name == "null":
            continue
        try:
            got = registrable(normal.domain(name.strip("'")))
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
