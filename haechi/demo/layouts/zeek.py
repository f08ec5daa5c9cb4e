"""Zeek TSV logs, one file a path (https://docs.zeek.org/en/master/logs/, layout of Zeek 6)."""

from haechi.demo.draw import Log, Record
from haechi.demo.matrix import Fraction, Number, Part, Second, Text, Token

Pieces = tuple["bytes | Part", ...]

_T = b"\t"
_START: Pieces = (Second("t", "epoch"), b".", Fraction("t"), _T, b"C", Token("token", 17), _T)


def _ids(src: Part, dst: Part, dport: "bytes | Part") -> Pieces:
    return (*_START, src, _T, Number("sport", 5), _T, dst, _T, dport, _T)


def _header(path: str, fields: str, types: str) -> str:
    first = "\n".join(
        ("#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", f"#path\t{path}")
    )
    names = "\t".join(("ts uid id.orig_h id.orig_p id.resp_h id.resp_p " + fields).split())
    kinds = "\t".join(("time string addr port addr port " + types).split())
    return f"{first}\n#open\t{{open}}\n#fields\t{names}\n#types\t{kinds}\n"


def _log(path: str, share: float, fields: str, types: str, layout: Pieces) -> Log:
    return Log(
        path, ".log", share, (Record(path, 1.0, layout),), True, _header(path, fields, types), "#close\t{close}\n"
    )


CONN = _log(
    "conn",
    0.12,
    "proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes history"
    " orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents",
    "enum string interval count count string bool bool count string count count count count set[string]",
    (
        *_ids(Text("remote"), Text("own"), Text("service")),
        b"tcp\t-\t",
        Number("age", 4),
        b".",
        Number("micros", 6, padded=True),
        _T,
        Number("bytes_out", 8),
        _T,
        Number("bytes_in", 9),
        b"\tSF\tF\tT\t0\tShADadFf\t",
        Number("packets", 5),
        _T,
        Number("bytes_out", 8),
        _T,
        Number("packets", 5),
        _T,
        Number("bytes_in", 9),
        b"\t-\n",
    ),
)
DNS = _log(
    "dns",
    0.06,
    "proto trans_id rtt query qclass qclass_name qtype qtype_name rcode rcode_name AA TC RD RA Z answers TTLs rejected",
    "enum count interval string count string count string count string bool bool bool bool count vector[string]"
    " vector[interval] bool",
    (
        *_ids(Text("own"), Text("resolver"), b"53"),
        b"udp\t",
        Number("id16", 5),
        b"\t0.",
        Number("micros", 6, padded=True),
        _T,
        Text("domain"),
        b"\t1\tC_INTERNET\t1\tA\t0\tNOERROR\tF\tF\tT\tT\t0\t",
        Text("answer", "remote4"),
        _T,
        Number("age", 4),
        b".000000\tF\n",
    ),
)
HTTP = _log(
    "http",
    0.04,
    "trans_depth method host uri referrer version user_agent origin request_body_len response_body_len status_code"
    " status_msg info_code info_msg tags username password proxied orig_fuids orig_filenames orig_mime_types"
    " resp_fuids resp_filenames resp_mime_types",
    "count string string string string string string string count count count string count string set[enum] string"
    " string set[string] vector[string] vector[string] vector[string] vector[string] vector[string] vector[string]",
    (
        *_ids(Text("own"), Text("remote"), b"80"),
        b"1\tGET\t",
        Text("domain"),
        _T,
        Text("path"),
        b"\t-\t1.1\t",
        Text("agent"),
        b"\t-\t0\t",
        Number("bytes_in", 9),
        b"\t200\tOK\t-\t-\t(empty)\t-\t-\t-\t-\t-\t-\tF",
        Token("flow", 17),
        b"\t-\ttext/html\n",
    ),
)
SSL = _log(
    "ssl",
    0.03,
    "version cipher curve server_name resumed last_alert next_protocol established ssl_history cert_chain_fps"
    " client_cert_chain_fps sni_matches_cert ja3 ja3s",
    "string string string string bool string string bool string vector[string] vector[string] bool string string",
    (
        *_ids(Text("own"), Text("remote"), b"443"),
        b"TLSv12\tTLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\tsecp256r1\t",
        Text("domain"),
        b"\tF\t-\th2\tT\tCsxknGIi\t",
        Text("certificate"),
        b"\t(empty)\tT\t",
        Text("ja3"),
        b"\t-\n",
    ),
)
