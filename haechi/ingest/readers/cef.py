"""CEF, the Common Event Format, bare or over syslog."""

import re

from haechi.ingest.reader import Field, Reader
from haechi.model.event import Activity

_CEF = re.compile(rb"(?:^|[ \n])CEF: ?\d+(?:\.\d+)?\|")


def _recognise(head: bytes) -> str | None:
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").split(b"\n", 1)[0]
    return "recognised.cef" if _CEF.search(first) else None


READER = Reader(
    name="cef",
    title="Common Event Format (CEF)",
    engine="cef",
    link="https://www.microfocus.com/documentation/arcsight/arcsight-smartconnectors/pdfdoc/cef-implementation-standard/cef-implementation-standard.pdf",
    version="CEF 0 and 1, over RFC 3164, RFC 5424 or bare",
    recognise=_recognise,
    activity=Activity.ALERT,
    fields=(
        Field("rt", "time"),
        Field("start", "time"),
        Field("end", "time"),
        Field("src", "src_addr"),
        Field("c6a2", "src_addr"),
        Field("spt", "src_port"),
        Field("dst", "dst_addr"),
        Field("c6a3", "dst_addr"),
        Field("dpt", "dst_port"),
        Field("suser", "user"),
        Field("duser", "user"),
        Field("dhost", "domain"),
        Field("proto", "proto"),
        Field("app", "app_proto"),
        Field("request", "url"),
        Field("requestMethod", "http_method"),
        Field("requestClientApplication", "user_agent"),
        Field("fname", "file_name"),
        Field("filePath", "file_name"),
        Field("fileHash", "hash"),
        Field("TrendMicroDsFileMD5", "md5"),
        Field("TrendMicroDsFileSHA1", "sha1"),
        Field("TrendMicroDsFileSHA256", "sha256"),
        Field("fsize", "file_size"),
        Field("act", "action"),
        Field("cat", "category"),
        Field("in", "bytes_in"),
        Field("out", "bytes_out"),
    ),
)
