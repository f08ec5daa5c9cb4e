import base64
import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from haechi.exchange.message import Request, Response
from haechi.exchange.taxii.refusal import Refused
from haechi.model.clock import FixedClock
from haechi.node import consumers
from haechi.node.home import Home
from haechi.web.edge import Edge, failed, secured
from tests.exchange.taxii.shared import NOW


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home.init(tmp_path / "h", party="X", country="TW", sector="government", clock=FixedClock(NOW))
    opened = Home.open(made.path, clock=FixedClock(NOW))
    yield opened
    opened.close()


@pytest.fixture
def certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kisa")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(begins).not_valid_after(begins + timedelta(days=1))
    return dated.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def asked(**headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/haechi/", {"accept": "application/taxii+json", **named})


def field(certificate: bytes) -> str:
    return f":{base64.b64encode(certificate).decode()}:"


def test_a_certificate_counts_only_from_the_proxy_that_we_were_told_of(home: Home, certificate: bytes) -> None:
    consumers.add(home, name="kisa", country="KR", certificate=certificate)
    request = asked(client_cert=field(certificate))
    for behind_proxy, client, counts in (
        (True, "127.0.0.1", True),
        (True, "", True),  # a unix socket
        (True, "::1", True),
        (True, "192.0.2.1", False),
        (True, "nonsense", False),
        (False, "127.0.0.1", False),
        (False, "", False),
    ):
        edge = Edge(home, behind_proxy=behind_proxy)
        given, address = edge.vouched(request, client)
        if counts:
            assert edge.recognised(given, address).how == "certificate"
        else:
            assert "client-cert" not in given.headers
            with pytest.raises(Refused) as refused:
                edge.recognised(given, address)
            assert refused.value.status == 401
        edge.close()


def test_another_certificate_logs_nobody_in(home: Home, certificate: bytes) -> None:
    consumers.add(home, name="kisa", country="KR", certificate=certificate)
    edge = Edge(home, behind_proxy=True)
    for other in (
        field(certificate + b"x"),
        "",
        "::",
        "x",
        f":{certificate.hex()}:",
        field(hashlib.sha256(certificate).digest()),
    ):
        with pytest.raises(Refused):
            edge.recognised(edge.vouched(asked(client_cert=other), "")[0], "")
    edge.close()


def test_the_address_behind_a_proxy_is_the_last_it_was_told(home: Home) -> None:
    edge = Edge(home, behind_proxy=True)
    request = asked(x_forwarded_for="10.9.9.9, 192.0.2.7", x_forwarded_proto="https")
    given, address = edge.vouched(request, "127.0.0.1")
    assert (address, given.scheme) == ("192.0.2.7", "https")
    assert edge.vouched(asked(), "127.0.0.1")[1] == "127.0.0.1"
    given, address = edge.vouched(request, "192.0.2.9")
    assert (address, given.scheme) == ("192.0.2.9", "http")
    assert not any(name.startswith("x-forwarded") for name in given.headers)
    edge.close()


def test_every_answer_is_secured(home: Home) -> None:
    found = secured(Response(200, {"x": "y"}, b""), "https")
    assert found.headers["strict-transport-security"] == "max-age=31536000"
    assert found.headers["x"] == "y"
    assert "strict-transport-security" not in secured(Response(200), "http").headers
    assert (failed().status, b"can't" in failed().body) == (500, True)


def test_only_an_unfiltered_page_is_answered_at_once(home: Home) -> None:
    edge = Edge(home)

    def quick(path: str, query: bytes = b"") -> bool:
        return edge.is_quick({"path": path, "query_string": query})

    assert quick("/haechi/collections/indicators/objects/", b"limit=5&next=x")
    assert not quick("/haechi/collections/indicators/objects/", b"match%5Btype%5D=malware")
    assert not quick("/haechi/collections/indicators/manifest/")
    assert not quick("/haechi/")
    edge.close()


def test_a_page_leaves_no_reader_behind(home: Home) -> None:
    """Else a withdrawal could not truncate the log of changes, and would never be confirmed."""
    _, made = consumers.add(home, name="kisa", country="KR")
    login = base64.b64encode(f"{made.user}:{made.secret}".encode()).decode()
    edge = Edge(home)
    for path in ("/haechi/collections/indicators/objects/", "/haechi/collections/sightings/objects/?limit=3"):
        request = Request("GET", path, {"accept": "application/taxii+json", "authorization": f"Basic {login}"})
        assert edge.at_once(request, "").status == 200
        edge.pool.submit(lambda: None).result()  # the last use is written
    edge.pool.shutdown(wait=True)
    other = sqlite3.connect(home.path / "catalog.sqlite")
    busy, _, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    other.close()
    assert busy == 0
    edge.close()
