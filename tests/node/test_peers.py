"""Peers: found over real TLS, compared, confirmed, refused, forgotten."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from haechi.model.clock import SystemClock
from haechi.model.errors import Conflict, HaechiError, NodeCannot, NotFound, NotVerified, UsageError
from haechi.model.release import Relation
from haechi.node import peers, rotation, sync, tls
from haechi.node.home import Home
from haechi.node.peers import Offer
from haechi.store.catalog import recipients
from tests.web.conftest import begun, ended, free_port


def make(folder: Path, name: str, country: str) -> Home:
    return Home.init(folder, party=name, country=country, sector="government", clock=SystemClock())


@pytest.fixture(scope="module")
def korea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, str]]:
    """Korea's node, served over TLS by its own process."""
    home, port = make(tmp_path_factory.mktemp("kr") / "node", "KrCERT/CC", "KR"), free_port()
    process = begun(home.path, "--port", str(port), "--tls")
    yield home, f"https://127.0.0.1:{port}"
    assert ended(process) == 0


@pytest.fixture
def taiwan(tmp_path: Path) -> Home:
    return make(tmp_path / "tw", "TWCERT/CC", "TW")


def found(taiwan: Home, korea: tuple[Home, str]) -> Offer:
    return peers.discover(taiwan, korea[1], allow_private=True)


def actions(home: Home) -> list[str]:
    return [entry.action for entry in home.audit().entries()][1:]


def refused(kind: type[HaechiError], call: Any) -> str:
    with pytest.raises(kind) as error:
        call()
    assert str(error.value)
    return error.value.id


@pytest.mark.parametrize("path", ["", "/", "/haechi", "/haechi/", "/haechi/identity"])
def test_who_is_at_an_address(taiwan: Home, korea: tuple[Home, str], path: str) -> None:
    home, url = korea
    offer = peers.discover(taiwan, url + path, allow_private=True)
    assert (offer.identity.name, offer.identity.country, offer.identity.party) == (
        "KrCERT/CC",
        "KR",
        home.config.party_uuid,
    )
    assert offer.identity.key == home.key().public_key().public_bytes_raw()
    assert offer.url == f"{url}/haechi/"
    assert offer.tls_pin == tls.pin(home) is not None
    assert peers.every(taiwan) == []


def test_both_screens_show_the_same_code(taiwan: Home, korea: tuple[Home, str], tmp_path: Path) -> None:
    here = found(taiwan, korea)
    (tmp_path / "tw.json").write_bytes(peers.document(taiwan) + b"\n")
    there = peers.from_file(korea[0], tmp_path / "tw.json")
    assert here.code == there.code
    assert there.url == ""


def test_a_peer_is_trusted_after_its_code_was_compared(taiwan: Home, korea: tuple[Home, str]) -> None:
    offer = found(taiwan, korea)
    added = peers.add(taiwan, offer)
    assert (added.confirmed_at, added.relation, added.allow_private) == (None, Relation.COMMUNITY, True)
    assert refused(UsageError, lambda: sync.run(taiwan, "KrCERT/CC")) == "sync.unconfirmed"
    wrong = offer.code.translate(str.maketrans("0123456789", "1234567890"))
    for code in ("", wrong, offer.code[:-1]):
        assert refused(NotVerified, lambda code=code: peers.confirm(taiwan, added.uuid, code)) == "peer.code_differs"
    assert peers.find(taiwan, added.uuid).confirmed_at is None
    assert peers.confirm(taiwan, "KrCERT/CC", offer.code.replace(" ", "")).confirmed_at is not None
    assert actions(taiwan) == ["peer.add", *["peer.code_differs"] * 3, "peer.confirm"]
    [known] = peers.every(taiwan)
    assert known.state.done_at is None
    assert offer.code not in (taiwan.path / "audit" / "log.jsonl").read_text()


def test_who_does_not_know_us_says_so_and_notes_it(taiwan: Home, korea: tuple[Home, str]) -> None:
    offer = found(taiwan, korea)
    peers.confirm(taiwan, peers.add(taiwan, offer).uuid, offer.code)
    for _ in range(2):
        [done] = sync.run(taiwan)
        assert done.error is not None
        assert done.error.id == "peer.unsigned"
        assert "no confirmed peer has the key" in str(done.error)
    assert actions(korea[0]).count("peer.refused") == 1  # once a minute for each reason


def test_a_peer_that_went_over_to_another_key_has_another_code(taiwan: Home, korea: tuple[Home, str]) -> None:
    offer = found(taiwan, korea)
    added = peers.add(taiwan, offer)
    rotation.rotate(taiwan)
    assert peers.code_of(taiwan, added) != offer.code
    assert refused(NotVerified, lambda: peers.confirm(taiwan, added.uuid, offer.code)) == "peer.code_differs"


def test_a_private_address_needs_a_persons_word(taiwan: Home, korea: tuple[Home, str]) -> None:
    assert refused(NodeCannot, lambda: peers.discover(taiwan, korea[1])) == "http.private"


@pytest.mark.parametrize("url", ["https://kr.example/taxii2/", "https://kr.example/?a", "kr.example", "file:///etc"])
def test_what_is_no_nodes_address_is_refused(taiwan: Home, url: str) -> None:
    assert refused(UsageError, lambda: peers.discover(taiwan, url)) in ("peer.url", "http.url")


def test_we_are_no_peer_of_ourselves(korea: tuple[Home, str]) -> None:
    assert refused(UsageError, lambda: peers.discover(korea[0], korea[1], allow_private=True)) == "peer.ourselves"


@pytest.fixture
def between(tmp_path: Path, korea: tuple[Home, str]) -> Iterator[tuple[str, list[bytes]]]:
    """Someone in between: hands on Korea's identity under a certificate of his own."""
    said = [peers.document(korea[0])]

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

        def do_GET(self) -> None:
            self.send_response(200 if said[0] else 404)
            self.end_headers()
            self.wfile.write(said[0])

    thief = make(tmp_path / "thief", "Thief", "KP")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls.ensure(thief))
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{running.server_address[1]}", said
    running.shutdown()
    running.server_close()
    thread.join()


def test_someone_in_between_is_found_by_his_certificate(taiwan: Home, between: tuple[str, list[bytes]]) -> None:
    url, said = between
    assert refused(NotVerified, lambda: peers.discover(taiwan, url, allow_private=True)) == "http.pin"
    said[0] = b""
    assert refused(NodeCannot, lambda: peers.discover(taiwan, url, allow_private=True)) == "peer.no_node"


def test_without_a_pin_an_authority_must_vouch(
    taiwan: Home, between: tuple[str, list[bytes]], korea: tuple[Home, str]
) -> None:
    import msgspec

    from haechi.exchange import identity

    url, said = between
    said[0] = identity.sign(msgspec.structs.replace(peers.ours(korea[0]), tls_pin=""), korea[0].key())
    assert refused(NotVerified, lambda: peers.discover(taiwan, url, allow_private=True)) == "http.certificate"


def test_known_parties_and_keys_are_not_taken_twice(taiwan: Home, korea: tuple[Home, str]) -> None:
    import msgspec

    offer = found(taiwan, korea)
    added = peers.confirm(taiwan, peers.add(taiwan, offer).uuid, offer.code)
    moved = peers.add(taiwan, msgspec.structs.replace(offer, url="https://kr.example/haechi/", allow_private=False))
    assert (moved.id, moved.url, moved.allow_private) == (added.id, "https://kr.example/haechi/", False)
    assert moved.confirmed_at == added.confirmed_at  # the same key
    other = msgspec.structs.replace(offer.identity, party="9b1d4f6a-0a7d-4a55-8f0e-5d7a1c3e2b22")
    assert (
        refused(Conflict, lambda: peers.add(taiwan, msgspec.structs.replace(offer, identity=other))) == "peer.key_taken"
    )
    newer = msgspec.structs.replace(offer.identity, public_key="ab" * 32)
    assert (
        refused(Conflict, lambda: peers.add(taiwan, msgspec.structs.replace(offer, identity=newer)))
        == "recipient.known"
    )


def test_who_is_removed_comes_back_as_a_stranger(taiwan: Home, korea: tuple[Home, str]) -> None:
    offer = found(taiwan, korea)
    peers.confirm(taiwan, peers.add(taiwan, offer).uuid, offer.code)
    gone = peers.remove(taiwan, "KrCERT/CC")
    assert gone.removed_at is not None
    assert refused(NotFound, lambda: peers.find(taiwan, "KrCERT/CC")) == "recipient.unknown"
    assert refused(NotFound, lambda: peers.remove(taiwan, "KrCERT/CC")) == "recipient.unknown"
    again = peers.add(taiwan, offer)
    assert (again.id, again.epoch, again.confirmed_at) == (gone.id, 2, None)
    assert actions(taiwan)[-2:] == ["peer.remove", "peer.add"]


def test_a_consumer_is_no_peer(taiwan: Home) -> None:
    with taiwan.catalog().begin() as conn:
        recipients.add(conn, uuid="x", name="Reader", country="TW", kind="consumer", relation=Relation.PUBLIC, now=1)
    assert refused(NotFound, lambda: peers.find(taiwan, "Reader")) == "recipient.unknown"
    assert peers.every(taiwan) == []


def test_a_file_that_is_none(taiwan: Home, tmp_path: Path) -> None:
    assert refused(NodeCannot, lambda: peers.from_file(taiwan, tmp_path / "none")) == "peer.file"
    (tmp_path / "big").write_bytes(b"x" * 100_000)
    assert refused(HaechiError, lambda: peers.from_file(taiwan, tmp_path / "big")) == "signed.long"
