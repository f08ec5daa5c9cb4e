"""Signatures of requests and answers: the RFC's vectors, our own round trip, and every way of not holding."""

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, InvalidSignature, MappingKeyResolver
from http_message_signatures.algorithms import ED25519
from hypothesis import given
from hypothesis import strategies as st

from haechi.exchange.message import Request, Response
from haechi.exchange.signature import (
    LONGEST,
    SKEW,
    WINDOW,
    Evidence,
    content_digest,
    sign_request,
    sign_response,
    verify_request,
    verify_response,
)
from haechi.model.errors import NotVerified
from haechi.store.audit import fingerprint

NOW = 1_790_000_000_000_000
SECOND = 1_000_000
KEY, OTHER, SERVER = (Ed25519PrivateKey.generate() for _ in range(3))
ID = fingerprint(KEY.public_key())
US = fingerprint(SERVER.public_key())
KNOWN: Mapping[str, Ed25519PublicKey] = {ID: KEY.public_key(), US: SERVER.public_key()}
NONCE = base64.b64encode(bytes(range(16))).decode()

REQUEST = Request(
    "POST",
    "/haechi/receipts?added_after=2026-01-01T00:00:00.000Z&x=%20",
    {"content-type": "application/json", "accept": "application/json"},
    b'{"a":1}',
    "https",
    "tw.example:8443",
)
SIGNED = sign_request(REQUEST, key=KEY, now=NOW, nonce=NONCE, to=US)


class Nonces:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], int] = {}

    def __call__(self, key_id: str, nonce: str, until: int) -> bool:
        return self.kept.setdefault((key_id, nonce), until) is not until


def verified(request: Request, *, now: int = NOW, seen: Any = None, me: tuple[str, ...] = (US,)) -> Evidence:
    return verify_request(request, key_of=KNOWN.get, now=now, seen=seen or Nonces(), me=me)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(NotVerified) as refused:
        call()
    assert str(refused.value)
    return refused.value.id


def with_headers(message: Request, **changed: str | None) -> Request:
    headers = {**message.headers, **{name.replace("_", "-"): value for name, value in changed.items() if value}}
    gone = {name.replace("_", "-") for name, value in changed.items() if value is None}
    return replace(message, headers={name: value for name, value in headers.items() if name not in gone})


def signed_by_library(covered: tuple[str, ...], key: Ed25519PrivateKey = KEY, **options: Any) -> Request:
    """A request that someone else's software signed in its own way."""
    headers = {**REQUEST.headers, "content-digest": content_digest(REQUEST.body), "haechi-to": US}
    form = SimpleNamespace(method=REQUEST.method, url=REQUEST.url, headers=headers)

    told: dict[str, Any] = {
        "key_id": ID,
        "created": datetime.fromtimestamp(NOW / 1e6, UTC),
        "expires": datetime.fromtimestamp(NOW / 1e6 + 60, UTC),
        "nonce": NONCE,
        "tag": "haechi",
        "label": "other",
        "covered_component_ids": covered,
        "use_existing_digest": True,
    } | options
    resolver = MappingKeyResolver(public_keys={}, private_keys={told["key_id"]: key})
    HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=resolver).sign(form, **told)
    return replace(REQUEST, headers={name.lower(): value for name, value in headers.items()})


ALL = ("@method", "@authority", "@path", "@query", "content-digest", "content-type", "haechi-to")


class Test9421:
    """RFC 9421, appendix B.2.6: signing a request using Ed25519, with the key of B.1.4 and the request of B.2."""

    key = load_der_private_key(
        base64.b64decode("MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF"), None
    )
    covered = ("date", "@method", "@path", "@authority", "content-type", "content-length")
    parameters = f"({' '.join(f'{one!r}' for one in covered)})".replace("'", '"') + (
        ';created=1618884473;keyid="test-key-ed25519"'
    )
    signature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="

    def form(self, method: str = "POST") -> Any:
        headers = {
            "date": "Tue, 20 Apr 2021 02:07:55 GMT",
            "content-type": "application/json",
            "content-length": "18",
            "signature-input": f"sig-b26={self.parameters}",
            "signature": f"sig-b26=:{self.signature}:",
        }
        url = "https://example.com/foo?param=Value&Pet=dog"
        return SimpleNamespace(method=method, url=url, headers=headers)

    def verifier(self) -> HTTPMessageVerifier:
        assert isinstance(self.key, Ed25519PrivateKey)
        keys = MappingKeyResolver(public_keys={"test-key-ed25519": self.key.public_key()}, private_keys={})
        return HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=keys)

    def test_the_vector_holds_and_a_changed_method_does_not(self) -> None:
        found = self.verifier().verify(self.form(), max_age=None)
        assert found[0].covered_components['"@signature-params"'] == self.parameters
        with pytest.raises(InvalidSignature):
            self.verifier().verify(self.form("PUT"), max_age=None)

    def test_the_same_base_gives_the_same_signature(self) -> None:
        assert isinstance(self.key, Ed25519PrivateKey)
        found = self.verifier().verify(self.form(), max_age=None)[0]
        base = "\n".join(f"{name}: {value}" for name, value in found.covered_components.items())
        assert base64.b64encode(self.key.sign(base.encode())).decode() == self.signature

    def test_a_signature_without_our_tag_and_nonce_counts_nothing_here(self) -> None:
        form = self.form()
        request = Request("POST", "/foo?param=Value&Pet=dog", form.headers, b"{}", "https", "example.com")
        assert refusal(lambda: verified(request)) == "signature.missing"  # no Content-Digest


def test_a_signed_request_tells_who_when_and_what() -> None:
    nonces = Nonces()
    found = verified(SIGNED, seen=nonces)
    assert (found.key_id, found.created, found.nonce) == (ID, NOW, NONCE)
    assert nonces.kept == {(ID, NONCE): NOW + WINDOW + SKEW}
    assert content_digest(REQUEST.body).encode() in found.base
    KEY.public_key().verify(found.signature, found.base)  # evidence holds by itself
    assert len(found.digest) == 64


@pytest.mark.parametrize("body", [b"", b"x", os.urandom(70_000)])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_every_body_has_its_digest(method: str, body: bytes) -> None:
    signed = sign_request(replace(REQUEST, method=method, body=body), key=KEY, now=NOW, nonce=NONCE, to=US)
    assert signed.headers["content-digest"] == content_digest(body)
    assert verified(signed).key_id == ID
    assert refusal(lambda: verified(replace(signed, body=body + b" "))) == "signature.body"


def test_what_another_software_signs_by_the_rfc_is_taken() -> None:
    assert verified(signed_by_library(ALL)).key_id == ID


@pytest.mark.parametrize(
    ("altered", "why"),
    [
        (replace(SIGNED, method="PUT"), "signature.forged"),
        (replace(SIGNED, target="/haechi/withdrawals?added_after=2026-01-01T00:00:00.000Z&x=%20"), "signature.forged"),
        (replace(SIGNED, target="/haechi/receipts"), "signature.forged"),
        (replace(SIGNED, authority="kr.example"), "signature.forged"),
        (replace(SIGNED, body=b'{"a":2}'), "signature.body"),
        (with_headers(SIGNED, content_type="text/plain"), "signature.forged"),
        (with_headers(SIGNED, content_digest=content_digest(b"")), "signature.forged"),
        (with_headers(SIGNED, content_encoding="gzip"), "signature.uncovered"),
        (with_headers(SIGNED, content_type=None), "signature.malformed"),
        (with_headers(SIGNED, haechi_to=ID), "signature.forged"),
        (with_headers(SIGNED, signature=None), "signature.missing"),
        (with_headers(SIGNED, signature_input=None), "signature.missing"),
        (with_headers(SIGNED, content_digest=None), "signature.missing"),
        (with_headers(SIGNED, signature="haechi=:AAAA:"), "signature.forged"),
        (with_headers(SIGNED, signature="haechi=1"), "signature.malformed"),
        (with_headers(SIGNED, signature="other=:AAAA:"), "signature.malformed"),
        (with_headers(SIGNED, signature="\u0661=:AAAA:"), "signature.malformed"),
        (with_headers(SIGNED, signature_input=SIGNED.headers["signature-input"] + "x" * LONGEST), "signature.oversized"),
        (with_headers(SIGNED, signature_input=SIGNED.headers["signature-input"].replace("60;", "61;")), "signature.window"),
        (with_headers(SIGNED, signature_input=SIGNED.headers["signature-input"].replace('"haechi"', '"x"')), "signature.malformed"),
        (replace(SIGNED, target="/a b"), "signature.malformed"),
    ],
)  # fmt: skip
def test_an_altered_request_is_refused(altered: Request, why: str) -> None:
    assert refusal(lambda: verified(altered)) == why


def test_a_field_given_twice_is_refused() -> None:
    for name in ("signature", "signature-input"):
        twice = f"{SIGNED.headers[name]}, {SIGNED.headers[name]}"
        changed = replace(SIGNED, headers={**SIGNED.headers, name: twice})
        assert refusal(partial(verified, changed)) == "signature.doubled"
    twice = f"{SIGNED.headers['content-digest']}, {SIGNED.headers['content-digest']}"
    assert refusal(lambda: verified(with_headers(SIGNED, content_digest=twice))) == "signature.forged"


def test_two_signatures_of_ours_are_refused_and_another_ones_is_let_be() -> None:
    theirs = signed_by_library(ALL)
    both = {name: f"{SIGNED.headers[name]}, {theirs.headers[name]}" for name in ("signature", "signature-input")}
    two = replace(SIGNED, headers={**SIGNED.headers, **both})
    assert refusal(lambda: verified(two)) == "signature.doubled"
    proxy = signed_by_library(ALL, tag="proxy")
    both = {name: f"{SIGNED.headers[name]}, {proxy.headers[name]}" for name in ("signature", "signature-input")}
    assert verified(replace(SIGNED, headers={**SIGNED.headers, **both})).key_id == ID


@pytest.mark.parametrize("left_out", ALL)
def test_nothing_that_changes_the_meaning_may_stand_unsigned(left_out: str) -> None:
    part = signed_by_library(tuple(name for name in ALL if name != left_out))
    assert refusal(lambda: verified(part)) == "signature.uncovered"


@pytest.mark.parametrize("lacking", ["nonce", "expires"])
def test_a_signature_must_tell_its_parameters(lacking: str) -> None:
    assert refusal(lambda: verified(signed_by_library(ALL, KEY, **{lacking: None}))) == "signature.lacks"


@pytest.mark.parametrize("nonce", ["", "short", "x" * 129])
def test_a_nonce_has_a_length(nonce: str) -> None:
    assert refusal(lambda: verified(signed_by_library(ALL, nonce=nonce))) == "signature.nonce"


def test_only_its_own_key_signs() -> None:
    assert refusal(lambda: verified(signed_by_library(ALL, key=OTHER))) == "signature.forged"
    unknown = sign_request(REQUEST, key=OTHER, now=NOW, nonce=NONCE, to=US)
    assert refusal(lambda: verified(unknown)) == "signature.unknown_key"
    lying = verify_request  # a key store that gives another key than was asked for
    assert (
        refusal(lambda: lying(SIGNED, key_of=lambda _: OTHER.public_key(), now=NOW, seen=Nonces()))
        == "signature.unknown_key"
    )


def test_the_window_and_the_clocks() -> None:
    assert verified(SIGNED, now=NOW + WINDOW + SKEW).key_id == ID
    assert refusal(lambda: verified(SIGNED, now=NOW + WINDOW + SKEW + SECOND)) == "signature.expired"
    assert verified(SIGNED, now=NOW - SKEW).key_id == ID
    assert refusal(lambda: verified(SIGNED, now=NOW - SKEW - SECOND)) == "signature.future"
    with pytest.raises(NotVerified, match=r"ran out 31 s ago: it counts for 60 s, and clocks may be 30 s apart"):
        verified(SIGNED, now=NOW + WINDOW + SKEW + SECOND)


def test_a_request_counts_once_and_a_forged_one_uses_up_no_nonce() -> None:
    nonces = Nonces()
    assert refusal(lambda: verified(replace(SIGNED, method="PUT"), seen=nonces)) == "signature.forged"
    assert refusal(lambda: verified(SIGNED, seen=nonces, me=(ID,))) == "signature.not_for_us"
    assert not nonces.kept
    verified(SIGNED, seen=nonces)
    assert refusal(lambda: verified(SIGNED, seen=nonces)) == "signature.replayed"


def test_a_request_for_one_node_is_none_for_another() -> None:
    unaddressed = sign_request(REQUEST, key=KEY, now=NOW, nonce=NONCE)
    assert refusal(lambda: verified(unaddressed)) == "signature.not_for_us"
    assert verified(unaddressed, me=()).key_id == ID


ANSWER = Response(200, {"content-type": "application/taxii+json;version=2.1", "date": "now"}, b"{}")


def answered(response: Response, request: Request = SIGNED, now: int = NOW) -> Evidence:
    return verify_response(response, request, key_of=KNOWN.get, now=now)


def test_an_answer_belongs_to_its_request() -> None:
    signed = sign_response(ANSWER, SIGNED, key=SERVER, now=NOW)
    found = answered(signed)
    assert found.key_id == US
    assert SIGNED.headers["signature"].removeprefix("haechi=").encode() in found.base
    again = sign_request(REQUEST, key=KEY, now=NOW, nonce="B" * 24, to=US)
    assert refusal(lambda: answered(signed, again)) == "signature.forged"
    for altered in (
        replace(signed, status=404),
        replace(signed, headers={**signed.headers, "content-type": "text/html"}),
    ):
        assert refusal(partial(answered, altered)) == "signature.forged"
    assert refusal(lambda: answered(replace(signed, body=b""))) == "signature.body"
    later = replace(signed, headers={**signed.headers, "x-taxii-date-added-last": "2026-01-01T00:00:00Z"})
    assert refusal(lambda: answered(later)) == "signature.uncovered"
    assert refusal(lambda: answered(ANSWER)) == "signature.missing"
    assert refusal(lambda: answered(signed, now=NOW + 10 * WINDOW)) == "signature.expired"


def test_an_answer_to_an_unsigned_request_is_not_signed() -> None:
    assert refusal(lambda: sign_response(ANSWER, REQUEST, key=SERVER, now=NOW)) == "signature.malformed"


@given(st.sampled_from(["signature", "signature-input", "content-digest"]), st.text(max_size=300))
def test_whatever_stands_there_is_refused_with_a_reason(name: str, value: str) -> None:
    assert refusal(lambda: verified(replace(SIGNED, headers={**SIGNED.headers, name: value}))).startswith("signature.")


@given(st.integers(min_value=0, max_value=10_000), st.sampled_from(list('=:();,"? \x00é1')))
def test_one_character_changed_never_passes_as_another_message(place: int, character: str) -> None:
    field = SIGNED.headers["signature-input"]
    place %= len(field)
    changed = field[:place] + character + field[place + 1 :]
    if changed != field:
        refusal(lambda: verified(replace(SIGNED, headers={**SIGNED.headers, "signature-input": changed})))
