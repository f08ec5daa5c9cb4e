"""What a node sighted, read as `haechi sightings` reads it: the lake's sightings, the catalog's values and inputs."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from haechi.demo.score import Seen
from haechi.node.home import Home
from haechi.store.catalog import inputs
from haechi.store.catalog.indicator_tables import VALUE
from haechi.store.lake.table import Lake

_EVENTS = """
    select matcher_id, hit.input_id as input_id, hit."offset" as place
    from (select matcher_id, unnest(events) as hit from sighting)
    order by input_id, place, matcher_id
"""
_AT_ONCE = 500  # values asked for in one query


def seen(home: Home) -> Iterator[Seen]:
    """All events of all sightings, one a value."""
    found = Lake(home.lake_path).query(_EVENTS)
    with home.catalog().connect() as conn:
        files = {row.id: Path(row.path).name for row in inputs.list_inputs(conn)}
        wanted = sorted(set(found["matcher_id"].to_pylist()))
        texts: dict[int, str] = {}
        for first in range(0, len(wanted), _AT_ONCE):
            some = VALUE.c.id.in_(wanted[first : first + _AT_ONCE])
            texts |= {row.id: row.text for row in conn.execute(select(VALUE.c.id, VALUE.c.text).where(some))}
    columns = (found[name].to_pylist() for name in ("matcher_id", "input_id", "place"))
    for value, input_id, place in zip(*columns, strict=True):
        yield Seen(files[input_id], place, texts[value])
