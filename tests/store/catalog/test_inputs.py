"""Inputs: known again by their bytes, and never set back."""

import hashlib

import pytest
from sqlalchemy import Engine

from haechi.model.errors import Conflict, NotFound
from haechi.store.catalog import inputs, parties, sensors
from haechi.store.catalog.inputs import HEAD_LENGTH, InputRow


def digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@pytest.fixture
def sensor(engine: Engine) -> int:
    with engine.begin() as conn:
        owner = parties.add(conn, name="Grid", country="KR", sector="energy").id
        return sensors.get_or_add(conn, "suricata", owner).id


def make(engine: Engine, sensor: int, content: bytes, path: str = "/var/log/eve.json") -> InputRow:
    head = content[:HEAD_LENGTH]
    with engine.begin() as conn:
        return inputs.create(
            conn,
            sensor_id=sensor,
            path=path,
            head=digest(head),
            head_length=len(head),
            reader="eve",
            compression="gzip",
        )


def same_head(engine: Engine, content: bytes) -> list[InputRow]:
    with engine.connect() as conn:
        return inputs.by_head(conn, lambda length: digest(content[:length]))


def test_a_new_input_has_nothing_committed(engine: Engine, sensor: int) -> None:
    made = make(engine, sensor, b"x" * 5000)
    with engine.connect() as conn:
        assert inputs.get(conn, made.id) == made
        assert inputs.list_inputs(conn) == [made]
    assert (made.sensor_id, made.path, made.reader, made.compression) == (sensor, "/var/log/eve.json", "eve", "gzip")
    assert (made.committed, made.tail, made.tail_length, made.head_length) == (0, b"", 0, 4096)
    assert make(engine, sensor, b"x").uuid != made.uuid


def test_an_input_is_found_by_its_head_whatever_its_length(engine: Engine, sensor: int) -> None:
    short = make(engine, sensor, b"a" * 100)
    whole = make(engine, sensor, b"a" * 9000)
    other = make(engine, sensor, b"b" * 9000)
    assert same_head(engine, b"a" * 9000) == [whole, short]
    assert same_head(engine, b"a" * 100 + b"c" * 9000) == [short]
    assert same_head(engine, b"b" * 9000) == [other]
    assert same_head(engine, b"c") == []


def test_each_stored_length_is_asked_once(engine: Engine, sensor: int) -> None:
    for content in (b"a" * 100, b"b" * 100, b"c" * 5000):
        make(engine, sensor, content)
    asked: list[int] = []

    def first(length: int) -> bytes:
        asked.append(length)
        return b""

    with engine.connect() as conn:
        inputs.by_head(conn, first)
    assert asked == [4096, 100]


def test_one_head_may_belong_to_several_inputs(engine: Engine, sensor: int) -> None:
    first, second = make(engine, sensor, b"a" * 5000), make(engine, sensor, b"a" * 6000)
    assert same_head(engine, b"a" * 5000) == [second, first]


def test_an_input_moves_forward(engine: Engine, sensor: int) -> None:
    made = make(engine, sensor, b"a" * 100)
    with engine.begin() as conn:
        inputs.advance(conn, made.id, committed=100, tail=digest(b"a" * 100), tail_length=100)
    with engine.begin() as conn:
        inputs.advance(
            conn, made.id, committed=7_000_000_000, tail=digest(b"t"), tail_length=4096,
            head=digest(b"h"), head_length=4096, path="/var/log/eve.json.1",
        )  # fmt: skip
    with engine.connect() as conn:
        found = inputs.get(conn, made.id)
    assert (found.uuid, found.reader) == (made.uuid, made.reader)
    assert (found.committed, found.tail, found.tail_length) == (7_000_000_000, digest(b"t"), 4096)
    assert (found.head, found.head_length, found.path) == (digest(b"h"), 4096, "/var/log/eve.json.1")


def test_an_input_is_never_set_back(engine: Engine, sensor: int) -> None:
    made = make(engine, sensor, b"a" * 100)
    with engine.begin() as conn:
        inputs.advance(conn, made.id, committed=90, tail=b"t", tail_length=90)
        inputs.advance(conn, made.id, committed=90, tail=b"t", tail_length=90)
        with pytest.raises(Conflict, match=rf"input {made.id} is committed up to byte 90, beyond 89"):
            inputs.advance(conn, made.id, committed=89, tail=b"u", tail_length=89)
        assert inputs.get(conn, made.id).tail == b"t"


def test_an_unknown_input_is_not_found(engine: Engine) -> None:
    with engine.begin() as conn, pytest.raises(NotFound, match="no input 5 in the catalog"):
        inputs.advance(conn, 5, committed=1, tail=b"", tail_length=0)
