"""The names that lists, STIX, MISP and feeds give to kinds of value, and what each is here."""

from typing import Final

from haechi.model.indicator import ValueType as T

ADDRESS: Final = T.IPV4  # any address, network or range: the text tells which
HASH: Final = frozenset({T.MD5, T.SHA1, T.SHA256, T.SHA512})

# None: the value itself tells (a digest by its length).
BY_NAME: Final[dict[str, T | None]] = {
    **dict.fromkeys(
        "ip ips ipaddress ip-address ipaddr addr address ipv4 ipv6 ipv4-addr ipv6-addr ip-src ip-dst ip-src|port"
        " ip-dst|port ip:port cidr subnet network netblock range ip-range src_ip dst_ip ipv4-net ipv6-net ipv4-range"
        " ipv6-range intel::addr intel::subnet".split(),
        ADDRESS,
    ),
    **dict.fromkeys(
        "domain domains domainname domain-name hostname host fqdn dns c2-domain intel::domain".split(), T.DOMAIN
    ),
    **dict.fromkeys("url urls uri link intel::url".split(), T.URL),
    **dict.fromkeys(
        "email e-mail mail emailaddress email-addr email-src email-dst email-reply-to sender intel::email".split(),
        T.EMAIL,
    ),
    **dict.fromkeys("file hash hashes filehash file-hash digest intel::file_hash malware-sample".split(), None),
    **dict.fromkeys("md5 filehash-md5 md5-hash hash_md5 file_md5 md5sum".split(), T.MD5),
    **dict.fromkeys("sha1 sha-1 filehash-sha1 sha1-hash hash_sha1 file_sha1".split(), T.SHA1),
    **dict.fromkeys("sha256 sha-256 filehash-sha256 sha256-hash hash_sha256 file_sha256".split(), T.SHA256),
    **dict.fromkeys("sha512 sha-512 filehash-sha512 hash_sha512".split(), T.SHA512),
    **dict.fromkeys("ja3 ja3s ja3-fingerprint-md5 ja3-hash".split(), T.JA3),
    **dict.fromkeys("ja4 ja4-fingerprint".split(), T.JA4),
    **dict.fromkeys(
        "cert certificate cert-hash x509-fingerprint-md5 x509-fingerprint-sha1 x509-fingerprint-sha256 ssl-cert"
        " intel::cert_hash".split(),
        T.CERT,
    ),
}


def named(name: str) -> T | None:
    """What a name of a kind means here; None where the value itself tells. KeyError for kinds that aren't matched.

    >>> named("FileHash-SHA256"), named("hostname"), named("file")
    (<ValueType.SHA256: 'sha256'>, <ValueType.DOMAIN: 'domain'>, None)
    """
    return BY_NAME[name.strip().lower().replace(" ", "-")]
