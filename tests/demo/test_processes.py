"""Processes side by side: heard, and ended when one fails."""

import time

import pytest

from haechi.demo.processes import Job, run
from haechi.demo.report import Line, Progress
from haechi.model.errors import NodeCannot

SCRIPT = "import sys, time; from haechi.demo.report import Progress, encode; "


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Makes a job of a script, as a module that the interpreter finds."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(name, script):
        (tmp_path / f"{name}.py").write_text(SCRIPT + script)
        return Job(name, name, ())

    return make


def test_lines_are_heard_from_all(job, tmp_path):
    heard: list[Line] = []
    say = "print(encode(Progress(country={!r}, hour=0, doing='logs', events=1)), end='')"
    run([job("one", say.format("TW")), job("two", say.format("KR"))], tmp_path / "log", heard.append)
    assert {line.country for line in heard if isinstance(line, Progress)} == {"TW", "KR"}
    assert all(isinstance(line, Progress) for line in heard)


def test_when_one_fails_the_others_are_ended_and_its_last_words_told(job, tmp_path):
    began = time.monotonic()
    jobs = [job("slow", "time.sleep(60)"), job("bad", "sys.exit('the disk is full')")]
    with pytest.raises(NodeCannot, match="bad ended with status 1: the disk is full"):
        run(jobs, tmp_path / "log", lambda line: None)
    assert time.monotonic() - began < 30
    with pytest.raises(NodeCannot, match="mute ended with status 3: it said nothing. See "):
        run([job("mute", "sys.exit(3)")], tmp_path / "log", lambda line: None)
    assert (tmp_path / "log" / "bad.log").stat().st_mode & 0o777 == 0o600
