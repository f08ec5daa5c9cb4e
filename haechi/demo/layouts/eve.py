"""Suricata EVE JSON lines (https://docs.suricata.io/en/latest/output/eve/eve-json-format.html)."""

from haechi.demo.draw import Log, Record
from haechi.demo.matrix import Fraction, Number, Part, Second, Text

Pieces = tuple["bytes | Part", ...]

_HTTP: Pieces = (
    b',"http":{"hostname":"',
    Text("domain"),
    b'","url":"',
    Text("path"),
    b'","http_user_agent":"',
    Text("agent"),
    b'","http_content_type":"text/html","http_method":"GET","protocol":"HTTP/1.1","status":200,"length":',
    Number("bytes_out", 8),
    b"}",
)
_ALERT: Pieces = (b',"alert":{"action":"allowed","gid":1,', Text("signature"), b"}")
_QUERY: Pieces = (
    b',"dns":{"type":"query","id":',
    Number("id16", 5),
    b',"rrname":"',
    Text("domain"),
    b'","rrtype":"A","tx_id":0,"opcode":0}}\n',
)
_ANSWER: Pieces = (
    b',"dns":{"version":2,"type":"answer","id":',
    Number("id16", 5),
    b',"flags":"8180","qr":true,"rd":true,"ra":true,"opcode":0,"rrname":"',
    Text("domain"),
    b'","rrtype":"A","rcode":"NOERROR","answers":[{"rrname":"',
    Text("domain"),
    b'","rrtype":"A","ttl":',
    Number("age", 4),
    b',"rdata":"',
    Text("answer", "remote4"),
    b'"}]}}\n',
)
_TLS: Pieces = (
    b',"tls":{"subject":"CN=',
    Text("domain"),
    b'","issuerdn":"C=XX, O=Example Trust, CN=Example CA","serial":"',
    Number("flow", 15),
    b'","fingerprint":"',
    Text("cert"),
    b'","sni":"',
    Text("domain"),
    b'","version":"TLS 1.2","ja3":{"hash":"',
    Text("ja3"),
    b'"}}}\n',
)
_FILE: Pieces = (
    b',"app_proto":"http","fileinfo":{"filename":"/d/',
    Number("id16", 5),
    b'.bin","gaps":false,"state":"CLOSED","md5":"',
    Text("file", "md5"),
    b'","sha256":"',
    Text("file", "sha256"),
    b'","stored":false,"size":',
    Number("bytes_in", 9),
    b',"tx_id":0}}\n',
)


def eve(offset: str) -> Log:
    """The log of a sensor whose clock stands at `offset` from UTC (`+08:00`)."""
    zone = offset.replace(":", "").encode()
    own, remote, port = Text("own"), Text("remote"), Number("sport", 5)

    def line(kind: str, src: Part, sport: "bytes | Part", dst: Part, dport: "bytes | Part", proto: str) -> Pieces:
        return (
            b'{"timestamp":"',
            Second("t", "iso"),
            b".",
            Fraction("t"),
            zone + b'","flow_id":',
            Number("flow", 15),
            f',"in_iface":"eth0","event_type":"{kind}","src_ip":"'.encode(),
            src,
            b'","src_port":',
            sport,
            b',"dest_ip":"',
            dst,
            b'","dest_port":',
            dport,
            f',"proto":"{proto}"'.encode(),
        )

    flow: Pieces = (
        b',"flow":{"pkts_toserver":',
        Number("packets", 5),
        b',"pkts_toclient":',
        Number("packets", 5),
        b',"bytes_toserver":',
        Number("bytes_out", 8),
        b',"bytes_toclient":',
        Number("bytes_in", 9),
        b',"start":"',
        Second("t", "iso"),
        b".",
        Fraction("t"),
        zone + b'"',
    )
    end: Pieces = (b',"age":', Number("age", 4), b',"state":"closed","reason":"timeout","alerted":false}}\n')
    inward = (remote, port, own, Text("service"), "TCP")
    asked = (own, port, Text("resolver"), b"53", "UDP")
    return Log(
        "eve",
        ".json",
        0.50,
        (
            Record("alert", 0.20, (*line("alert", *inward), *_ALERT, *flow, b"}}\n")),
            Record("dns", 0.17, (*line("dns", *asked), *_QUERY)),
            Record("dns-answer", 0.08, (*line("dns", *asked), *_ANSWER)),
            Record("http", 0.20, (*line("http", own, port, remote, b"80", "TCP"), b',"tx_id":0', *_HTTP, b"}\n")),
            Record("tls", 0.15, (*line("tls", own, port, remote, b"443", "TCP"), *_TLS)),
            Record("flow", 0.15, (*line("flow", *inward), *flow, *end)),
            Record("fileinfo", 0.05, (*line("fileinfo", remote, b"80", own, port, "TCP"), *_HTTP, *_FILE)),
        ),
    )
