"""What a node sighted, asked as `haechi sightings` asks it."""

from collections.abc import Iterator
from pathlib import Path

from haechi.demo.score import Seen
from haechi.node import sightings
from haechi.node.home import Home
from haechi.store.catalog import inputs


def seen(home: Home) -> Iterator[Seen]:
    """All sightings, an event and a value each; an event's id names its input and its line's offset."""
    with home.catalog().connect() as conn:
        files = {row.id: Path(row.path).name for row in inputs.list_inputs(conn)}
    with sightings.opened(home, sightings.Wanted()) as found:
        for row in found.rows():
            _, input_id, offset = row["event"].rsplit("-", 2)
            yield Seen(files[int(input_id)], int(offset), row["indicator"])
