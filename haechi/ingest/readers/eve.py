"""Suricata EVE: JSON, one event a line, or an array of events."""

from types import MappingProxyType

from haechi.ingest.reader import SECONDS, Field, Reader
from haechi.model.event import Activity


def _recognise(head: bytes) -> str | None:
    if b'"event_type"' in head and b'"timestamp"' in head and head.lstrip(b"\xef\xbb\xbf \t\r\n[").startswith(b"{"):
        return "recognised.eve"
    return None


READER = Reader(
    name="suricata-eve",
    title="Suricata EVE JSON",
    engine="json",
    link="https://docs.suricata.io/en/latest/output/eve/eve-json-format.html",
    version="Suricata 4 to 8 (DNS v1 to v3)",
    recognise=_recognise,
    activities=MappingProxyType(
        {
            "alert": Activity.ALERT,
            "anomaly": Activity.ALERT,
            "flow": Activity.FLOW,
            "netflow": Activity.FLOW,
            "dns": Activity.DNS,
            "mdns": Activity.DNS,
            "http": Activity.HTTP,
            "http2": Activity.HTTP,
            "tls": Activity.TLS,
            "quic": Activity.TLS,
            "fileinfo": Activity.FILE,
            "smtp": Activity.MAIL,
            "ssh": Activity.AUTH,
            "rdp": Activity.AUTH,
            "krb5": Activity.AUTH,
        }
    ),
    severities=(0, 4, 3, 2, 1),  # Suricata: 1 is the most urgent
    fields=(
        Field("timestamp", "time"),
        Field("event_type", "source_type"),
        Field("src_ip", "src_addr"),
        Field("src_port", "src_port"),
        Field("dest_ip", "dst_addr"),
        Field("dest_port", "dst_port"),
        Field("proto", "proto"),
        Field("app_proto", "app_proto"),
        Field("flow_id", "flow_id"),
        Field("community_id", "extra:community_id"),
        Field("dns/rrname", "domain"),
        Field("dns/queries/rrname", "domain"),
        Field("dns/query/rrname", "domain"),
        Field("dns/answers/rdata", "answers"),
        Field("dns/answer/answers/rdata", "answers"),
        Field("http/hostname", "domain"),
        Field("http/url", "url"),
        Field("http/http_port", "url_port"),  # of the Host header, where it names one
        Field("http/http_method", "http_method"),
        Field("http/status", "http_status"),
        Field("http/http_user_agent", "user_agent"),
        Field("tls/sni", "sni"),
        Field("tls/fingerprint", "cert"),
        Field("tls/ja3/hash", "ja3"),
        Field("tls/ja4", "ja4"),
        Field("quic/sni", "sni"),
        Field("quic/ja4", "ja4"),
        Field("fileinfo/filename", "file_name"),
        Field("fileinfo/size", "file_size"),
        Field("fileinfo/md5", "md5"),
        Field("fileinfo/sha1", "sha1"),
        Field("fileinfo/sha256", "sha256"),
        Field("smtp/mail_from", "mail_from"),
        Field("smtp/rcpt_to", "mail_to"),
        Field("email/from", "mail_from"),
        Field("email/to", "mail_to"),
        Field("smb/ntlmssp/user", "user"),
        Field("krb5/cname", "user"),
        Field("ftp/command_data", "extra:ftp_command_data"),
        Field("alert/action", "action"),
        Field("alert/signature_id", "signature_id"),
        Field("alert/signature", "signature"),
        Field("alert/category", "category"),
        Field("alert/severity", "severity"),
        Field("anomaly/event", "signature"),
        Field("anomaly/type", "category"),
        Field("flow/bytes_toserver", "bytes_out"),
        Field("flow/bytes_toclient", "bytes_in"),
        Field("flow/pkts_toserver", "packets_out"),
        Field("flow/pkts_toclient", "packets_in"),
        Field("flow/age", "duration", SECONDS),
        Field("netflow/bytes", "bytes_out"),
        Field("netflow/pkts", "packets_out"),
        Field("netflow/age", "duration", SECONDS),
    ),
)
