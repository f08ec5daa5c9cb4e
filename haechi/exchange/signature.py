"""Signed requests and answers between peers: RFC 9421 with Ed25519, Content-Digest by RFC 9530.

The library makes and checks the signature base; what it leaves open is closed here: time comes from outside, a nonce
counts once, the body must be the one signed, and no part that changes the meaning may stand unsigned. A request names in
`haechi-to` the key it is meant for, so that whom it was sent to can't hand it on to another node. An answer covers the
request's signature and with it its nonce: it answers that one request and no other.

Evidence of an exchange is the signature base, which holds the Content-Digest, and the signature: bodies aren't kept.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    MappingKeyResolver,
    VerifyResult,
)
from http_message_signatures.algorithms import ED25519

from haechi.exchange.message import Request, Response
from haechi.model.errors import NotVerified
from haechi.store.audit import fingerprint

TAG: Final = "haechi"  # a signature made for this serves as no other; other tags' signatures are no concern of ours
WINDOW: Final = 60_000_000  # microseconds from created to expires
SKEW: Final = 30_000_000  # how far two nodes' clocks may be apart
LONGEST: Final = 8192  # bytes of the fields that carry a signature, taken together
TO: Final = "haechi-to"  # the field that names the key a request is for

_FIELDS: Final = ("signature-input", "signature", "content-digest")
_TARGET: Final = ("@method", "@authority", "@path", "@query")  # without the scheme, which a TLS proxy in front changes
# Fields that change what a message means: signed wherever they stand.
_MEANING: Final = (
    "content-type", "content-encoding", "location", TO, "haechi-succession", "x-taxii-date-added-first", "x-taxii-date-added-last",
)  # fmt: skip
_NONCE: Final = range(22, 129)  # characters: at least 128 bits in Base64
_SECOND: Final = 1_000_000

KeyOf = Callable[[str], Ed25519PublicKey | None]
Seen = Callable[[str, str, int], bool]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a holding signature proves: who (key id), when (microseconds UTC) and what, as kept for the audit."""

    key_id: str
    created: int
    nonce: str
    base: bytes  # RFC 9421, 2.5: all that was signed, the Content-Digest in it
    signature: bytes  # Ed25519 over `base`

    @property
    def digest(self) -> str:
        """SHA-256 of base and signature, hexadecimal: what an audit entry names."""
        return hashlib.sha256(self.base + b"\n" + self.signature).hexdigest()


class _Message(Protocol):
    headers: MutableMapping[str, str]


@dataclass(slots=True)
class _RequestForm:
    """A request in the shape that the library wants."""

    method: str
    url: str
    headers: MutableMapping[str, str]


@dataclass(slots=True)
class _ResponseForm:
    """An answer in the shape that the library wants."""

    status_code: int
    headers: MutableMapping[str, str]
    request: _RequestForm


def content_digest(body: bytes) -> str:
    """The Content-Digest field of a body (RFC 9530): SHA-256."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def sign_request(request: Request, *, key: Ed25519PrivateKey, now: int, nonce: str, to: str = "") -> Request:
    """The request, signed. `nonce` is 128 random bits in Base64, new for each request; `to` is the receiver's key id."""
    added = {"content-digest": content_digest(request.body)} | ({TO: to} if to else {})
    form = _request_form(replace(request, headers=_unsigned(request.headers) | added))
    covered = [*_TARGET, "content-digest", *_meaning(form.headers)]
    return replace(request, headers=_signed(form, covered, key, now, nonce))


def sign_response(response: Response, request: Request, *, key: Ed25519PrivateKey, now: int) -> Response:
    """The answer to a signed request, signed and bound to it."""
    headers = _unsigned(response.headers) | {"content-digest": content_digest(response.body)}
    form = _ResponseForm(response.status, headers, _request_form(request))
    covered = ["@status", "content-digest", *_meaning(headers), *_OF_REQUEST]
    return replace(response, headers=_signed(form, covered, key, now, None))


_OF_REQUEST: Final = (*(f'"{name}";req' for name in (*_TARGET, "content-digest")), f'"signature";req;key="{TAG}"')


def verify_request(request: Request, *, key_of: KeyOf, now: int, seen: Seen, me: Collection[str] = ()) -> Evidence:
    """Whose request it is, or `NotVerified` with what doesn't hold.

    `key_of` gives the public key of a key id, None for one that counts nothing. `seen(key id, nonce, until)` keeps a
    nonce durably until that time and says whether it was there before. With `me`, our key ids (the present one
    and those it succeeded), only a request made for us counts.
    """
    found = _verified(
        _request_form(request), request.body, (*_TARGET, "content-digest"), key_of=key_of, now=now, needs_nonce=True
    )
    if me and request.headers.get(TO, "") not in me:
        raise NotVerified("signature.not_for_us")
    if seen(found.key_id, found.nonce, found.created + WINDOW + SKEW):
        raise NotVerified("signature.replayed")
    return found


def verify_response(response: Response, request: Request, *, key_of: KeyOf, now: int) -> Evidence:
    """Whose answer to `request`, as sent, it is; or `NotVerified` with what doesn't hold."""
    form = _ResponseForm(response.status, dict(response.headers), _request_form(request))
    needed = ("@status", "content-digest", *_OF_REQUEST)
    return _verified(form, response.body, needed, key_of=key_of, now=now, needs_nonce=False)


def _request_form(request: Request) -> _RequestForm:
    return _RequestForm(request.method, request.url, dict(request.headers))


def _unsigned(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _FIELDS}


def _meaning(headers: Mapping[str, str]) -> list[str]:
    return [name for name in _MEANING if name in headers]


def _signed(
    form: _Message, covered: Iterable[str], key: Ed25519PrivateKey, now: int, nonce: str | None
) -> dict[str, str]:
    """The headers with the signature."""
    id = fingerprint(key.public_key())
    signer = HTTPMessageSigner(
        signature_algorithm=ED25519, key_resolver=MappingKeyResolver(public_keys={}, private_keys={id: key})
    )
    try:
        signer.sign(
            form,
            key_id=id,
            created=datetime.fromtimestamp(now // _SECOND, UTC),
            expires=datetime.fromtimestamp((now + WINDOW) // _SECOND, UTC),
            nonce=nonce,
            label=TAG,
            tag=TAG,
            covered_component_ids=tuple(covered),
            use_existing_digest=True,
        )
    except HTTPMessageSignaturesException as error:
        raise NotVerified("signature.malformed", cause=str(error)) from error
    return {name.lower(): value for name, value in form.headers.items()}


class _Verifier(HTTPMessageVerifier):
    """The library's, with our rules on a signature's parameters in the place where it asks the machine's clock."""

    def __init__(self, key_of: KeyOf, now: int, *, needs_nonce: bool) -> None:
        self._key_of, self._now, self._needs_nonce = key_of, now, needs_nonce
        self._keys: dict[str, Ed25519PublicKey] = {}
        super().__init__(signature_algorithm=ED25519, key_resolver=MappingKeyResolver(public_keys={}, private_keys={}))

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Window, clock, nonce and key; raises `NotVerified`."""
        del max_age
        told = sig_input.params
        for name in ("created", "expires", "keyid", *(["nonce"] if self._needs_nonce else [])):
            if name not in told:
                raise NotVerified("signature.lacks", name=name)
        self._check_time(int(told["created"]) * _SECOND, int(told["expires"]) * _SECOND)
        if self._needs_nonce and len(told["nonce"]) not in _NONCE:
            raise NotVerified("signature.nonce", most=_NONCE.stop - 1, least=_NONCE.start)
        key = self._key_of(told["keyid"])
        if key is None or not hmac.compare_digest(fingerprint(key).encode(), told["keyid"].encode()):
            raise NotVerified("signature.unknown_key", key=told["keyid"][:64])
        self.key_resolver = MappingKeyResolver(public_keys={told["keyid"]: key}, private_keys={})

    def _check_time(self, created: int, expires: int) -> None:
        skew, window = SKEW // _SECOND, WINDOW // _SECOND
        if created > self._now + SKEW:
            raise NotVerified("signature.future", seconds=(created - self._now) // _SECOND, skew=skew)
        if not created <= expires <= created + WINDOW:
            raise NotVerified("signature.window", window=window)
        if expires < self._now - SKEW:
            raise NotVerified("signature.expired", seconds=(self._now - expires) // _SECOND, window=window, skew=skew)


def _verified(
    form: _RequestForm | _ResponseForm,
    body: bytes,
    needed: Iterable[str],
    *,
    key_of: KeyOf,
    now: int,
    needs_nonce: bool,
) -> Evidence:
    headers = form.headers
    _check_fields(headers)
    result = _one_signature(form, _Verifier(key_of, now, needs_nonce=needs_nonce))
    for name in (*needed, *_meaning(headers)):
        quoted = name if name.startswith('"') else f'"{name}"'
        if quoted not in result.covered_components:
            raise NotVerified("signature.uncovered", name=quoted)
    if not hmac.compare_digest(headers["content-digest"].strip().encode(), content_digest(body).encode()):
        raise NotVerified("signature.body")
    base = "\n".join(f"{name}: {value}" for name, value in result.covered_components.items())
    return Evidence(
        key_id=str(result.parameters["keyid"]),
        created=int(result.parameters["created"]) * _SECOND,
        nonce=result.nonce or "",
        base=base.encode(),
        signature=_signature_bytes(headers["signature"], result.label),
    )


def _check_fields(headers: Mapping[str, str]) -> None:
    """What can be told before anything is parsed."""
    for name in _FIELDS:
        if not headers.get(name):
            raise NotVerified("signature.missing", name=name)
    size = sum(len(headers[name]) for name in _FIELDS) + len(headers.get(TO, ""))
    if size > LONGEST:
        raise NotVerified("signature.oversized", most=LONGEST)
    if not all(headers[name].isascii() for name in _FIELDS):
        raise NotVerified("signature.malformed", cause="not ASCII")


def _one_signature(form: _RequestForm | _ResponseForm, verifier: _Verifier) -> VerifyResult:
    try:
        results = verifier.verify(form, max_age=None, expect_tag=TAG)
    except HTTPMessageSignaturesException as error:
        if isinstance(error.__cause__, WrongSignature):
            raise NotVerified("signature.forged") from error
        if _doubled(error):
            raise NotVerified("signature.doubled") from error
        raise NotVerified("signature.malformed", cause=str(error)) from error
    if len(results) != 1:
        raise NotVerified("signature.doubled")
    return results[0]


def _doubled(error: BaseException | None) -> bool:
    """Whether the same label came twice: of a repeated field, its lines joined by commas."""
    while error is not None:
        if "Duplicate signature label" in str(error):
            return True
        error = error.__cause__
    return False


def _signature_bytes(field: str, label: str) -> bytes:
    """The signature's bytes, from a field that has just been verified."""
    import http_sf

    member: Any = http_sf.parse(field.encode(), tltype="dictionary")
    return bytes(member[label][0])
