"""The manifest, then what is newer, oldest first; what can't be had is named; a quiet feed costs one small answer."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from haechi.exchange import misp_pull
from haechi.exchange.asking import TooBig, Wait
from haechi.exchange.message import Request, Response
from haechi.exchange.misp_pull import Event, MispPull, Missed, Seen
from haechi.model.errors import BadInput, NodeCannot

A, B, C = (f"{letter * 8}-{letter * 4}-4{letter * 3}-8{letter * 3}-{letter * 12}" for letter in "abc")


def pull(
    files: Mapping[str, Any],
    known: Mapping[str, int] | None = None,
    etag: str = "",
    url: str = "https://a.example/feed",
) -> tuple[list[Any], list[str]]:
    """The steps of a run against a folder of files, and what was asked."""
    talk = MispPull(url, known or {}, etag=etag, headers={"authorization": "x"}, now=0).run()
    steps: list[Any] = []
    asked: list[str] = []
    answer: Response | TooBig | None = None
    while True:
        try:
            step = talk.send(answer)
        except StopIteration:
            return steps, asked
        answer = None
        if not isinstance(step, Request):
            steps.append(step)
            continue
        assert step.headers["authorization"] == "x"
        asked.append(step.target.removeprefix("/feed/"))
        found = files.get(asked[-1], Response(404))
        if asked[-1] == "manifest.json" and step.headers.get("if-none-match") == '"m"':
            answer = Response(304)
        elif isinstance(found, Response | TooBig):
            answer = found
        else:
            answer = Response(200, {"etag": '"m"'}, json.dumps(found).encode())


MANIFEST = {A: {"timestamp": "30"}, B: {"timestamp": 10}, C.upper(): {"timestamp": "20"}, "../x": {"timestamp": 1}}
FILES = {"manifest.json": MANIFEST, f"{A}.json": {"a": 1}, f"{B}.json": {"b": 1}, f"{C}.json": {"c": 1}}


def test_all_then_only_what_is_newer() -> None:
    steps, asked = pull(FILES)
    assert asked == ["manifest.json", f"{B}.json", f"{C}.json", f"{A}.json"]
    assert steps == [Event(B, 10, b'{"b": 1}'), Event(C, 20, b'{"c": 1}'), Event(A, 30, b'{"a": 1}'), Seen('"m"')]
    steps, asked = pull(FILES, {A: 30, B: 9, C: 20})
    assert asked == ["manifest.json", f"{B}.json"]
    assert pull(FILES, etag='"m"') == ([], ["manifest.json"])


def test_the_manifest_may_be_named_itself() -> None:
    assert len(pull(FILES, url="https://a.example/feed/manifest.json")[0]) == 4


def test_an_event_that_is_not_there_is_missed_and_the_rest_goes_on() -> None:
    steps, _ = pull(FILES | {f"{B}.json": TooBig(), f"{C}.json": Response(404)})
    assert [type(step) for step in steps] == [Missed, Missed, Event, Seen]
    assert [step.uuid for step in steps[:2]] == [B, C]
    assert steps[-1] == Seen("")  # so that the manifest is looked at again


def test_a_run_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misp_pull, "MOST_EVENTS", 2)
    assert pull(FILES)[0] == [Event(B, 10, b'{"b": 1}'), Event(C, 20, b'{"c": 1}'), Seen("")]


@pytest.mark.parametrize("manifest", [Response(200, {}, b"<html>"), Response(200, {}, b"[]"), TooBig()])
def test_what_is_no_manifest(manifest: Response | TooBig) -> None:
    with pytest.raises(BadInput):
        pull({"manifest.json": manifest})


def test_refusals_and_waits() -> None:
    with pytest.raises(NodeCannot, match="refuses the login"):
        pull({"manifest.json": Response(403)})
    answers = [Response(503), Response(200, {}, b"{}")]

    class Busy(dict[str, Any]):
        def get(self, _key: str, _default: Any = None) -> Any:
            return answers.pop(0)

    assert pull(Busy()) == ([Wait(2.0), Seen("")], ["manifest.json"] * 2)


@pytest.mark.parametrize(
    "entry", [None, {}, {"timestamp": "soon"}, {"timestamp": True}, {"timestamp": -5}, {"timestamp": "9" * 20}]
)
def test_a_version_that_says_nothing_is_taken_once(entry: Any) -> None:
    files = {"manifest.json": {A: entry}, f"{A}.json": {}}
    assert pull(files)[0][0] == Event(A, 0, b"{}")
    assert pull(files, {A: 0})[0] == [Seen('"m"')]
