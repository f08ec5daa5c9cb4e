"""The lake's newest version by the names in its log alone: half a second sooner than opening it, where nothing changed."""

import re
from pathlib import Path
from typing import Final

_ENTRY: Final = re.compile(r"(\d{20})\.json")  # Delta transaction log protocol, "Delta Log Entries"


def newest(path: Path) -> int:
    """The number of the last entry in the log of the lake at `path`; -1 where there is none.

    An entry that was torn by a power loss counts here until the lake is opened and moves it aside.
    """
    found = (_ENTRY.fullmatch(entry.name) for entry in (path / "_delta_log").glob("*.json"))
    return max((int(one[1]) for one in found if one is not None), default=-1)
