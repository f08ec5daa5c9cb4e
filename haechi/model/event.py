"""The one event schema: each column's meaning, unit, source standard and names elsewhere (DATA-MODEL.md, 1).

Kinds of one Delta table share it: `event`, `sighting` and `quarantine`, told apart by the partition columns.
Only types that Delta keeps: microsecond UTC timestamps, signed integers, string, binary, list, map.
"""

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

SCHEMA_VERSION = 1


class Activity(StrEnum):
    """What kind of thing happened, across formats."""

    OTHER = "other"
    ALERT = "alert"
    FLOW = "flow"
    DNS = "dns"
    HTTP = "http"
    TLS = "tls"
    FILE = "file"
    AUTH = "auth"
    MAIL = "mail"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Arrow type, meaning with unit, and the name it has in ECS, OCSF and IDEA ("" where none)."""

    name: str
    type: pa.DataType
    meaning: str
    ecs: str = ""
    ocsf: str = ""
    idea: str = ""


_S, _I32, _I64, _TS = pa.string(), pa.int32(), pa.int64(), pa.timestamp("us", tz="UTC")
_LIST = pa.list_(pa.string())

# A table: one row a column.
# fmt: off
EVENT_COLUMNS: tuple[Column, ...] = (
    Column("ts", _TS, "When it happened, UTC", "@timestamp", "time", "EventTime"),
    Column("ts_offset", _I32, "The source's offset from UTC, minutes east", "event.timezone", "timezone_offset"),
    Column("ingested_at", _TS, "When this node read it, UTC", "event.ingested", "metadata.logged_time"),
    Column("activity", _S, "alert, flow, dns, http, tls, file, auth, mail, process, other", "event.category", "class_name", "Category"),
    Column("source_type", _S, "The source's own name for its record type", "event.dataset", "metadata.log_name"),
    Column("sensor_id", _I32, "The sensor that logged it (catalog)", "observer.name", "device.uid", "Node.Name"),
    Column("observer_id", _I32, "The party that owns the sensor (catalog)", "organization.id", "device.org.uid"),
    Column("affected_id", _I32, "The party whose network was hit, by longest prefix (catalog)", "related.hosts"),
    Column("src_addr", _S, "Source address, dotted quad or RFC 5952", "source.ip", "src_endpoint.ip", "Source.IP4|IP6"),
    Column("src_port", _I32, "Source port, 0-65535", "source.port", "src_endpoint.port", "Source.Port"),
    Column("dst_addr", _S, "Destination address", "destination.ip", "dst_endpoint.ip", "Target.IP4|IP6"),
    Column("dst_port", _I32, "Destination port, 0-65535", "destination.port", "dst_endpoint.port", "Target.Port"),
    Column("proto", _S, "Transport protocol, IANA name in lower case", "network.transport", "connection_info.protocol_name", "Source.Proto"),
    Column("app_proto", _S, "Application protocol as the sensor names it", "network.protocol", "connection_info.service_name"),
    Column("flow_id", _S, "The sensor's own id of the connection (Suricata flow_id, Zeek uid)", "event.id", "connection_info.uid"),
    Column("domain", _S, "Name asked for or host of the request: A-labels, lower case", "dns.question.name", "query.hostname", "Source.Hostname"),
    Column("answers", _LIST, "DNS answers: addresses and names", "dns.resolved_ip", "answers.rdata"),
    Column("url", _S, "URL in WHATWG form where the log gives host and path, else the path", "url.full", "http_request.url.url_string", "Source.URL"),
    Column("sni", _S, "TLS server name, as `domain`", "tls.client.server_name", "tls.sni"),
    Column("ja3", _S, "JA3 digest of the TLS client", "tls.client.ja3", "tls.ja3_hash.value"),
    Column("ja4", _S, "JA4 fingerprint of the TLS client", "tls.client.ja4", "tls.ja4_fingerprint_list"),
    Column("cert", _S, "Digest of the server's certificate, hex without colons", "tls.server.hash.sha1", "tls.certificate.fingerprints"),
    Column("md5", _S, "MD5 of the file, hex, lower case", "file.hash.md5", "file.hashes", "Attach.Hash"),
    Column("sha1", _S, "SHA-1 of the file", "file.hash.sha1", "file.hashes", "Attach.Hash"),
    Column("sha256", _S, "SHA-256 of the file", "file.hash.sha256", "file.hashes", "Attach.Hash"),
    Column("sha512", _S, "SHA-512 of the file", "file.hash.sha512", "file.hashes", "Attach.Hash"),
    Column("file_name", _S, "File name or path", "file.path", "file.path", "Attach.FileName"),
    Column("file_size", _I64, "File size, bytes", "file.size", "file.size", "Attach.Size"),
    Column("mail_from", _S, "Sender, lower case", "email.from.address", "email.from", "Source.Email"),
    Column("mail_to", _LIST, "Recipients, lower case", "email.to.address", "email.to", "Target.Email"),
    Column("user", _S, "Account that acted or was tried", "user.name", "actor.user.name"),
    Column("http_method", _S, "HTTP method", "http.request.method", "http_request.http_method"),
    Column("http_status", _I32, "HTTP status", "http.response.status_code", "http_response.code"),
    Column("user_agent", _S, "HTTP user agent", "user_agent.original", "http_request.user_agent"),
    Column("signature_id", _S, "The rule's own id", "rule.id", "finding_info.uid"),
    Column("signature", _S, "What the sensor says happened", "rule.name", "finding_info.title", "Description"),
    Column("category", _S, "The sensor's class of it", "rule.category", "finding_info.types", "Category"),
    Column("severity", _I32, "OCSF severity_id: 1 informational, 2 low, 3 medium, 4 high, 5 critical", "event.severity", "severity_id"),
    Column("bytes_out", _I64, "Bytes from source to destination", "source.bytes", "traffic.bytes_out", "ByteCount"),
    Column("bytes_in", _I64, "Bytes from destination to source", "destination.bytes", "traffic.bytes_in"),
    Column("packets_out", _I64, "Packets from source to destination", "source.packets", "traffic.packets_out", "PacketCount"),
    Column("packets_in", _I64, "Packets from destination to source", "destination.packets", "traffic.packets_in"),
    Column("duration", _I64, "Duration, microseconds", "event.duration", "duration"),
    Column("action", _S, "What the sensor did or what came of it (allowed, blocked, failure), lower case", "event.action", "action"),
    Column("extra", pa.map_(_S, _S), "What the format has and this schema lacks, by the source's own names", "labels", "unmapped", "Note"),
    Column("input_id", _I32, "The input it came from (catalog)", "log.file.path", "metadata.log_provider"),
    Column("raw_offset", _I64, "Byte offset of the record in the decompressed stream", "log.offset", "metadata.sequence"),
    Column("raw_length", _I32, "Length of the record, bytes", ""),
)
# fmt: on

_EVENT_ID = pa.struct([pa.field("input_id", _I32), pa.field("offset", _I64)])

SIGHTING_COLUMNS: tuple[Column, ...] = (
    Column("matcher", _S, "value, pattern, rule or behaviour"),
    Column("matcher_id", _I64, "The value's or rule's id (catalog)"),
    Column("matcher_version", _I32, "Version of the matcher"),
    Column("field", _S, "The event column that was hit, or the field that was refused"),
    Column("value", _S, "Our own log's text of it"),
    Column("events", pa.list_(_EVENT_ID), "The events that were hit"),
    Column("last_ts", _TS, "The last of them; `ts` is the first"),
    Column("matched_at", _TS, "When it was matched"),
    Column("raw", pa.binary(), "Original bytes of a sighted event or of a refused record"),
)

QUARANTINE_COLUMNS: tuple[Column, ...] = (
    Column("line", _I64, "Line in the input, from 1; null where it can't be known"),
    Column("reason", _S, "Why it was refused, and what to do"),
    Column("reader", _S, "The reader that refused it"),
)

PARTITION_COLUMNS: tuple[Column, ...] = (
    Column("kind", _S, "event, sighting or quarantine"),
    Column("day", pa.date32(), "UTC day of ts; of the reading for quarantined records"),
)

COLUMNS = EVENT_COLUMNS + SIGHTING_COLUMNS + QUARANTINE_COLUMNS + PARTITION_COLUMNS

LAKE_SCHEMA = pa.schema([pa.field(c.name, c.type) for c in COLUMNS])
EVENT_SCHEMA = pa.schema([pa.field(c.name, c.type) for c in EVENT_COLUMNS])

EVENT, SIGHTING, QUARANTINE = "event", "sighting", "quarantine"
