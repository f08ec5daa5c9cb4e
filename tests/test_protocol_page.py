"""What docs/reference/protocol.md gives a second implementation to compare with is what this one computes."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from haechi.exchange import fingerprint, receipt, signature
from haechi.exchange.message import Request, Response
from haechi.exchange.receipt import Receipt
from haechi.model.canonical import canonical, digest
from haechi.model.merkle import leaf_of, root_of
from haechi.store.audit import fingerprint as key_id

PAGE = (Path(__file__).parent.parent / "docs/reference/protocol.md").read_text()
OURS = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
THEIRS = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
US, THEM = "6f1c3b52-8d0e-4b7a-9c61-2f5a7d3e8b10", "a2d94e07-51c8-4f36-8b2d-7e90c1f4a653"
NOW = 1_800_000_000_000_000
OBJECT = b'{"type": "indicator", "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}'
LEAF = leaf_of(bytes(32), digest(OBJECT))


def stands(line: str) -> None:
    assert line in PAGE.splitlines(), line


def test_leaf_and_tree() -> None:
    assert f"`{OBJECT.decode()}`" in PAGE
    stands(f"canonical  {canonical(OBJECT).decode()}")
    stands(f"digest     {digest(OBJECT).hex()}")
    stands(f"leaf       {LEAF.hex()}")
    stands(f"root       {root_of([LEAF]).hex()}")


def test_keys_and_a_receipt() -> None:
    said = Receipt(
        role="sender",
        sender=US,
        recipient=THEM,
        collection="indicators",
        epoch=1,
        seq=1,
        size=1,
        root=root_of([LEAF]).hex(),
        at=NOW,
    )
    stands(f"public key  {OURS.public_key().public_bytes_raw().hex()}")
    stands(f"key id      {key_id(OURS.public_key())}")
    stands(f"receipt     {receipt.sign(said, OURS)}")


def test_the_code() -> None:
    ours, theirs = (key.public_key().public_bytes_raw() for key in (OURS, THEIRS))
    stands(f"code  {fingerprint.code(ours, US, theirs, THEM)}")


def test_a_signed_request_and_its_answer() -> None:
    request = Request("GET", "/haechi/receipts", {"accept": "application/json"}, b"", "https", "kr.example:8585")
    nonce, to = "AAECAwQFBgcICQoLDA0ODw==", key_id(THEIRS.public_key())
    signed = signature.sign_request(request, key=OURS, now=NOW, nonce=nonce, to=to)
    body = b'{"epoch":1,"seq":0,"collections":[]}'
    answer = signature.sign_response(
        Response(200, {"content-type": "application/json"}, body), signed, key=THEIRS, now=NOW
    )
    assert f"`{body.decode()}`" in PAGE
    for name, value in (*signed.headers.items(), *answer.headers.items()):
        stands(f"{name}: {value}")


def test_limits_and_times_that_the_page_tells() -> None:
    from haechi.exchange import airgap, identity, signed, wire
    from haechi.exchange.taxii import query, server

    assert (signature.WINDOW, signature.SKEW, signature.LONGEST) == (60_000_000, 30_000_000, 8_192)
    assert (query.DEFAULT_PAGE, query.LARGEST_PAGE, query.LARGEST_PEER_PAGE) == (100, 1_000, 10_000)
    assert (wire.AT_ONCE, wire.WITHDRAWN_AT_ONCE, wire.VERSIONS) == (10_000, 1_000, 10_000)
    assert server.MOST_BYTES == 10_485_760
    assert (identity.MOST, signed.MOST, airgap.OBJECT) == (64 << 10, 4 << 20, 64 << 20)
    for purpose in (identity.PURPOSE, receipt.PURPOSE, airgap.PURPOSE, airgap.ANSWER):
        assert f"`{purpose}`" in PAGE
