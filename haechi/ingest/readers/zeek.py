"""Zeek's logs: what their columns mean, shared by the TSV and the JSON reader (Zeek 2 to 7).

A column that every log understands alike stands in COMMON; the rest by log, for Zeek uses a name such as `host` or
`service` in several senses.
"""

from types import MappingProxyType

from haechi.ingest.reader import SECONDS, Field
from haechi.model.event import Activity

LINK = "https://docs.zeek.org/en/master/script-reference/log-files.html"

COMMON: tuple[Field, ...] = (
    Field("ts", "time"),
    Field("uid", "flow_id"),
    Field("id.orig_h", "src_addr"),
    Field("id.orig_p", "src_port"),
    Field("id.resp_h", "dst_addr"),
    Field("id.resp_p", "dst_port"),
    Field("proto", "proto"),
    Field("community_id", "extra:community_id"),
    Field("fuid", "extra:fuid"),
)

_SERVED: tuple[Field, ...] = (
    Field("method", "http_method"),
    Field("host", "domain"),
    Field("uri", "url"),
    Field("user_agent", "user_agent"),
    Field("status_code", "http_status"),
    Field("request_body_len", "bytes_out"),
    Field("response_body_len", "bytes_in"),
    Field("username", "user"),
    Field("referrer", "extra:referrer"),
    Field("resp_mime_types", "extra:resp_mime_type"),
    Field("resp_filenames", "file_name"),
    Field("orig_filenames", "file_name"),
)

LOGS: MappingProxyType[str, tuple[Field, ...]] = MappingProxyType(
    {
        "conn": (
            Field("service", "app_proto"),
            Field("duration", "duration", SECONDS),
            Field("orig_bytes", "bytes_out"),
            Field("resp_bytes", "bytes_in"),
            Field("orig_pkts", "packets_out"),
            Field("resp_pkts", "packets_in"),
            Field("conn_state", "extra:conn_state"),
            Field("history", "extra:history"),
        ),
        "dns": (
            Field("query", "domain"),
            Field("answers", "answers"),
            Field("qtype_name", "extra:qtype_name"),
            Field("rcode_name", "extra:rcode_name"),
        ),
        "http": _SERVED,
        "ssl": (
            Field("server_name", "sni"),
            Field("version", "extra:version"),
            Field("ja3", "ja3"),
            Field("ja4", "ja4"),
            Field("ja3s", "extra:ja3s"),
            Field("cert_chain_fps", "cert"),
            Field("cert_hash", "cert"),
            Field("subject", "extra:subject"),
            Field("issuer", "extra:issuer"),
            Field("issuer_subject", "extra:issuer"),
            Field("validation_status", "extra:validation_status"),
        ),
        "files": (
            Field("tx_hosts", "src_addr"),
            Field("rx_hosts", "dst_addr"),
            Field("conn_uids", "flow_id"),
            Field("source", "app_proto"),
            Field("mime_type", "extra:mime_type"),
            Field("filename", "file_name"),
            Field("total_bytes", "file_size"),
            Field("seen_bytes", "extra:seen_bytes"),
            Field("duration", "duration", SECONDS),
            Field("md5", "md5"),
            Field("sha1", "sha1"),
            Field("sha256", "sha256"),
        ),
        "notice": (
            Field("note", "category"),
            Field("msg", "signature"),
            Field("sub", "extra:sub"),
            Field("src", "src_addr"),
            Field("dst", "dst_addr"),
            Field("p", "dst_port"),
            Field("file_mime_type", "extra:file_mime_type"),
            Field("file_desc", "extra:file_desc"),
            Field("actions", "action"),
        ),
        "weird": (Field("name", "signature"), Field("addl", "extra:addl")),
        "x509": (
            Field("fingerprint", "cert"),
            Field("certificate.subject", "extra:subject"),
            Field("certificate.issuer", "extra:issuer"),
            Field("certificate.serial", "extra:serial"),
            Field("san.dns", "domain"),
        ),
        "smtp": (
            Field("mailfrom", "mail_from"),
            Field("from", "mail_from"),
            Field("rcptto", "mail_to"),
            Field("subject", "extra:subject"),
            Field("helo", "extra:helo"),
            Field("last_reply", "extra:last_reply"),
            Field("user_agent", "user_agent"),
        ),
        "ftp": (
            Field("user", "user"),
            Field("command", "extra:command"),
            Field("arg", "file_name"),
            Field("file_size", "file_size"),
            Field("reply_code", "extra:reply_code"),
            Field("reply_msg", "extra:reply_msg"),
        ),
        "ssh": (
            Field("auth_success", "extra:auth_success"),
            Field("auth_attempts", "extra:auth_attempts"),
            Field("client", "user_agent"),
            Field("server", "extra:server"),
            Field("host_key", "extra:host_key"),
        ),
        "kerberos": (
            Field("client", "user"),
            Field("request_type", "extra:request_type"),
            Field("service", "extra:service"),
            Field("success", "extra:success"),
            Field("error_msg", "extra:error_msg"),
        ),
        "ntlm": (
            Field("username", "user"),
            Field("hostname", "extra:hostname"),
            Field("domainname", "extra:domainname"),
            Field("server_dns_computer_name", "extra:server_dns_computer_name"),
            Field("success", "extra:success"),
        ),
        "rdp": (Field("cookie", "user"), Field("result", "extra:result"), Field("client_name", "extra:client_name")),
        "radius": (Field("username", "user"), Field("result", "extra:result"), Field("framed_addr", "extra:framed_addr")),
        "socks": (Field("user", "user"), Field("request.name", "domain"), Field("status", "extra:status")),
        "rfb": (
            Field("authentication_method", "extra:authentication_method"),
            Field("auth", "extra:auth"),
            Field("desktop_name", "extra:desktop_name"),
        ),
        "intel": (
            Field("seen.indicator", "signature"),
            Field("seen.indicator_type", "category"),
            Field("seen.where", "extra:seen_where"),
        ),
        "signatures": (Field("sig_id", "signature_id"), Field("event_msg", "signature"), Field("sub_msg", "extra:sub_msg")),
        "dhcp": (
            Field("client_addr", "src_addr"),
            Field("server_addr", "dst_addr"),
            Field("assigned_addr", "extra:assigned_addr"),
            Field("assigned_ip", "extra:assigned_addr"),
            Field("mac", "extra:mac"),
            Field("host_name", "extra:host_name"),
            Field("domain", "domain"),
            Field("uids", "flow_id"),
        ),
        "dce_rpc": (
            Field("named_pipe", "extra:named_pipe"),
            Field("endpoint", "extra:endpoint"),
            Field("operation", "extra:operation"),
        ),
        "smb_mapping": (Field("path", "file_name"), Field("share_type", "extra:share_type")),
        "smb_files": (
            Field("action", "action"),
            Field("path", "extra:path"),
            Field("name", "file_name"),
            Field("size", "file_size"),
        ),
        "smb_cmd": (Field("command", "extra:command"), Field("username", "user"), Field("status", "extra:status")),
        "snmp": (
            Field("duration", "duration", SECONDS),
            Field("version", "extra:version"),
            Field("community", "extra:community"),
        ),
        "modbus": (
            Field("func", "extra:func"),
            Field("exception", "extra:exception"),
            Field("unit", "extra:unit"),
        ),
        "dnp3": (Field("fc_request", "extra:fc_request"), Field("fc_reply", "extra:fc_reply")),
        "dpd": (Field("analyzer", "category"), Field("failure_reason", "signature")),
        "known_hosts": (Field("host", "src_addr"),),
        "known_services": (Field("host", "src_addr"), Field("port_num", "src_port"), Field("port_proto", "proto")),
        "known_certs": (
            Field("host", "src_addr"),
            Field("port_num", "src_port"),
            Field("subject", "extra:subject"),
            Field("serial", "extra:serial"),
        ),
        "software": (
            Field("host", "src_addr"),
            Field("host_p", "src_port"),
            Field("software_type", "category"),
            Field("name", "extra:name"),
            Field("unparsed_version", "extra:unparsed_version"),
        ),
        "ldap_search": (
            Field("base_object", "extra:base_object"),
            Field("filter", "extra:filter"),
            Field("result", "extra:result"),
        ),
        "ldap": (Field("opcode", "extra:opcode"), Field("object", "user"), Field("result", "extra:result")),
        "tunnel": (Field("tunnel_type", "app_proto"), Field("action", "action")),
        "pe": (Field("machine", "extra:machine"), Field("os", "extra:os"), Field("subsystem", "extra:subsystem")),
        "quic": (Field("server_name", "sni"), Field("version", "extra:version"), Field("history", "extra:history")),
        "mysql": (Field("cmd", "extra:cmd"), Field("arg", "extra:arg"), Field("success", "extra:success")),
        "irc": (Field("nick", "extra:nick"), Field("user", "user"), Field("command", "extra:command")),
        "sip": (Field("method", "extra:method"), Field("uri", "extra:uri"), Field("user_agent", "user_agent")),
    }
)  # fmt: skip

# Known where no name says it: the log that alone has these columns.
TELLING: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"conn_state", "history"}), "conn"),
    (frozenset({"conn_state", "id.orig_h"}), "conn"),
    (frozenset({"trans_id", "qtype_name"}), "dns"),
    (frozenset({"query", "trans_id"}), "dns"),
    (frozenset({"trans_depth", "method"}), "http"),
    (frozenset({"trans_depth", "uri"}), "http"),
    (frozenset({"trans_depth", "helo"}), "smtp"),
    (frozenset({"cipher", "established"}), "ssl"),
    (frozenset({"version", "established"}), "ssl"),
    (frozenset({"fuid", "analyzers"}), "files"),
    (frozenset({"note", "msg"}), "notice"),
    (frozenset({"certificate.subject"}), "x509"),
)

ACTIVITIES: MappingProxyType[str, Activity] = MappingProxyType(
    {
        "conn": Activity.FLOW,
        "dns": Activity.DNS,
        "http": Activity.HTTP,
        "ssl": Activity.TLS,
        "quic": Activity.TLS,
        "x509": Activity.TLS,
        "files": Activity.FILE,
        "pe": Activity.FILE,
        "smb_files": Activity.FILE,
        "ftp": Activity.FILE,
        "smtp": Activity.MAIL,
        "notice": Activity.ALERT,
        "intel": Activity.ALERT,
        "signatures": Activity.ALERT,
        "weird": Activity.ALERT,
        "ssh": Activity.AUTH,
        "kerberos": Activity.AUTH,
        "ntlm": Activity.AUTH,
        "rdp": Activity.AUTH,
        "radius": Activity.AUTH,
        "rfb": Activity.AUTH,
        "ldap": Activity.AUTH,
    }
)

# Several logs in one stream: only what no log understands otherwise.
MIXED: tuple[Field, ...] = COMMON + tuple(
    field
    for log in ("conn", "dns", "http", "ssl", "files", "notice")
    for field in LOGS[log]
    if field.path
    in {
        "orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts", "conn_state", "query", "answers", "uri", "status_code",
        "server_name", "ja3", "ja4", "cert_chain_fps", "tx_hosts", "rx_hosts", "md5", "sha1", "sha256", "note", "msg",
        "total_bytes", "rcode_name", "request_body_len", "response_body_len",
    }
)  # fmt: skip


def fields_of(log: str) -> tuple[Field, ...]:
    """The columns of a log that are kept; "" for a stream of several logs."""
    return COMMON + LOGS.get(log, ()) if log else MIXED
