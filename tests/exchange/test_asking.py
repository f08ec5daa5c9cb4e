"""What a server's status means to who asks."""

import pytest

from haechi.exchange.asking import Asker, TooBig, Wait, checked, place
from haechi.exchange.message import Request, Response
from haechi.model.errors import NodeCannot, NotFound

URL = "https://a.example:8443/x?y=1"


def test_one_request_put_off_and_answered() -> None:
    talk = Asker({"authorization": "Bearer t"}, ("one/type",), now=0).send(URL, {"if-none-match": '"e"'})
    first = next(talk)
    assert first == Request(
        "GET", "/x?y=1", {"authorization": "Bearer t", "accept": "one/type", "if-none-match": '"e"'},
        scheme="https", authority="a.example:8443",
    )  # fmt: skip
    assert talk.send(Response(503, {"retry-after": "3"})) == Wait(3.0)
    assert talk.send(None) == first
    with pytest.raises(StopIteration) as done:
        talk.send(Response(200, {}, b"x"))
    assert done.value.value == Response(200, {}, b"x")


def test_too_big_is_an_answer_and_nothing_is_none() -> None:
    talk = Asker({}, ("a",), now=0).send(URL)
    next(talk)
    with pytest.raises(StopIteration) as done:
        talk.send(TooBig())
    assert done.value.value == TooBig()
    talk = Asker({}, ("a",), now=0).send(URL)
    next(talk)
    with pytest.raises(TypeError):
        talk.send(None)


def test_statuses() -> None:
    assert checked(Response(304), URL).status == 304
    for status, kind in ((401, NodeCannot), (404, NotFound), (418, NodeCannot)):
        with pytest.raises(kind, match=r"a\.example"):
            checked(Response(status), URL)


def test_places() -> None:
    assert place("HTTPS://A.example/x") == place("https://a.example/y")
    assert place("https://a.example:8443/") != place("https://a.example/") != place("http://a.example/")
