import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine, text

from haechi.store.catalog import nonces
from haechi.store.catalog.engine import open_engine

NOW = 1_790_000_000_000_000

RACE = """
import sys
from haechi.store.catalog import nonces
from haechi.store.catalog.engine import open_engine

engine = open_engine(sys.argv[1], create=False)
print("ready", flush=True)
sys.stdin.readline()
print("".join(str(int(nonces.seen(engine, "key", f"nonce-{i}", 100, now=0))) for i in range(40)))
"""


def test_a_nonce_counts_once_for_each_key(engine: Engine) -> None:
    assert not nonces.seen(engine, "a", "n", NOW + 10, now=NOW)
    assert nonces.seen(engine, "a", "n", NOW + 99, now=NOW)
    assert not nonces.seen(engine, "b", "n", NOW + 10, now=NOW)


def test_what_can_no_longer_be_accepted_is_swept(engine: Engine) -> None:
    nonces.seen(engine, "a", "old", NOW + 10, now=NOW)
    assert nonces.seen(engine, "a", "old", NOW + 10, now=NOW + 10)
    nonces.seen(engine, "a", "new", NOW + 20, now=NOW + 11)
    with engine.connect() as conn:
        assert conn.execute(text("SELECT nonce FROM nonce")).scalars().all() == ["new"]


def test_it_outlives_the_process(database_url: str) -> None:
    first = open_engine(database_url, create=True)
    nonces.seen(first, "a", "n", NOW + 10, now=NOW)
    first.dispose()
    second = open_engine(database_url, create=False)
    assert nonces.seen(second, "a", "n", NOW + 10, now=NOW)
    second.dispose()


def test_of_two_processes_at_one_moment_one_is_first(database_url: str) -> None:
    open_engine(database_url, create=True).dispose()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [racer.communicate(timeout=60)[0].strip() for racer in racers]
    assert all(len(answer) == 40 for answer in answers)
    assert [sum(answer[place] == "0" for answer in answers) for place in range(40)] == [1] * 40
