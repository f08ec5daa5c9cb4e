"""The match index of a node: built from the catalog when what is to be matched has changed, else mapped as it is."""

from pathlib import Path

from sqlalchemy import Engine

from haechi.detect import index
from haechi.detect.index import Index
from haechi.node.home import Home
from haechi.store.catalog import indicators
from haechi.store.files import locked

FILE = "match.index"


def current_index(home: Home, have: Index | None = None) -> Index:
    """The index of the catalog's present state; `have` if nothing has changed since."""
    engine = home.catalog()
    path = home.cache_path / FILE
    generation = _generation(engine)
    if have is not None and have.generation == generation:
        return have
    found = _load(path, generation)
    if found is not None:
        return found
    with locked(home.cache_path / f"{FILE}.lock"):
        found = _load(path, _generation(engine))  # another process may have built it meanwhile
        if found is not None:
            return found
        with engine.connect() as connection:
            generation = indicators.generation(connection)
            values = indicators.matchable(connection)
        index.write(path, index.build(values), generation)
    built = index.load(path)
    assert built is not None
    return built


def _generation(engine: Engine) -> int:
    with engine.connect() as connection:
        return indicators.generation(connection)


def _load(path: Path, generation: int) -> Index | None:
    found = index.load(path)
    return found if found is not None and found.generation == generation else None
