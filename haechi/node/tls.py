"""The node's TLS certificate for `haechi serve --tls`: self-signed, known to peers by its pin in the signed identity.

ECDSA on P-256: Granian (rustls), httpx and browsers take it; Ed25519 works between nodes and in no browser. Peers look
at the key alone, so a certificate that is renewed under the same key keeps its pin.
"""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from haechi.model.errors import NodeCannot
from haechi.node import keys
from haechi.node.connection import pin_of
from haechi.node.home import Home

CERTIFICATE: Final = "tls.pem"
KEY: Final = "tls.key.pem"
_VALID: Final = timedelta(days=3650)
_BEFORE: Final = timedelta(days=1)  # clocks that are behind


def ensure(home: Home, hosts: tuple[str, ...] = ()) -> tuple[Path, Path]:
    """The files of certificate and key, both 0600, made where they aren't there yet. `hosts` are names and addresses.

    Raises `NodeCannot` where only one of the two is there.
    """
    folder = home.path / "keys"
    certificate, key = folder / CERTIFICATE, folder / KEY
    if certificate.exists() != key.exists():
        raise NodeCannot("tls.half", certificate=str(certificate), key=str(key))
    if not certificate.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        signed = _self_signed(home, made, hosts)
        pem = made.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
        keys.write_private(key, pem)
        keys.write_private(certificate, signed.public_bytes(form.Encoding.PEM))
        home.audit().append(
            "tls.create", subject=f"node--{home.config.node}", details={"pin": (pin(home) or b"").hex()}
        )
    return certificate, key


def pin(home: Home) -> bytes | None:
    """The pin of the node's own certificate; None where it has none."""
    path = home.path / "keys" / CERTIFICATE
    if not path.exists():
        return None
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise NodeCannot("tls.unreadable", path=str(path)) from error
    return pin_of(found.public_bytes(form.Encoding.DER))


def _self_signed(home: Home, key: ec.EllipticCurvePrivateKey, hosts: tuple[str, ...]) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Haechi node {home.config.node}")])
    now = datetime.fromtimestamp(home.clock.now() // 1_000_000, UTC)
    names = [_name(host) for host in (*hosts, "localhost", "127.0.0.1", "::1")]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(list(dict.fromkeys(names))), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
