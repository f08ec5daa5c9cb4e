"""How a command ends when it can't go on: a line on stderr, the one JSON error shape, an exit status."""

import errno
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from haechi.messages.catalogue import text
from haechi.report.table import printable

if TYPE_CHECKING:  # the error classes bring msgspec, a third of what `haechi --help` may take
    from haechi.model.errors import HaechiError

TRACE_VARIABLE = "HAECHI_TRACE"
INTERRUPTED = 130  # 128 + SIGINT, as a shell counts
PIPE_CLOSED = 141  # 128 + SIGPIPE
_CONTROLS = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
_READING = frozenset({"IOException", "InvalidInputException"})  # what DuckDB raises for a file, not for our SQL


def escaped(document: str) -> str:
    """JSON with U+007F to U+009F escaped too: RFC 8259 lets these control characters stand, some terminals obey them."""
    return document.translate(_CONTROLS)


def prepare_streams() -> None:
    """Give a closed stdout or stderr a place to write to, and never fail on a character the terminal lacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (lives as long as the process)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def wants_json(words: Sequence[str]) -> bool:
    """Whether the command line asks for JSON; looked up in its words, for it counts even when they don't parse."""
    options = words[: words.index("--")] if "--" in words else words
    return "--json" in options or "--jsonl" in options


def error_document(error: "HaechiError") -> dict[str, Any]:
    """The one JSON shape of every error: kind, the texts' id, reason, advice, location (null where there is none)."""
    from haechi.model.errors import BadInput

    location: dict[str, Any] | None = None
    if isinstance(error, BadInput) and str(error.location):
        place = error.location
        location = {
            "path": place.path,
            "line": place.line,
            "offset": place.offset,
            "field": place.field,
            "value": place.value,
        }
    kind = type(error).__name__
    told = {"kind": kind, "id": error.id, "reason": error.reason, "advice": error.advice, "location": location}
    return {"error": told}


def report(error: BaseException, *, as_json: bool) -> int:
    """Tell the person (stderr) and, with --json, the program (stdout); the exit status."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, BrokenPipeError):
        return _pipe_closed()
    if type(error).__name__ == "Abort" or isinstance(error, KeyboardInterrupt):
        print(text("error.interrupted"), file=sys.stderr)
        return INTERRUPTED
    if os.environ.get(TRACE_VARIABLE):
        import traceback

        for line in "".join(traceback.format_exception(error)).splitlines():
            print(printable(line), file=sys.stderr)
    known, status = _as_known(error)
    if as_json:
        _print_document(error_document(known))
    said = str(known)
    for line in said.split("\n") if said.startswith("Usage:") else [text("error.line", reason=said)]:
        print(printable(line), file=sys.stderr)
    return status


def _as_known(error: BaseException) -> tuple["HaechiError", int]:
    from haechi.model.errors import HaechiError, NodeCannot, UsageError

    if isinstance(error, HaechiError):
        return error, error.exit_status
    if isinstance(error, OSError) and error.errno is not None:
        place = f"{error.filename}: " if error.filename is not None else ""
        return NodeCannot("system", place=place, cause=os.strerror(error.errno)), NodeCannot.exit_status
    if hasattr(error, "format_message"):  # Typer's own: the words of the call don't parse
        context = getattr(error, "ctx", None)
        where = context.command_path if context is not None else "haechi"
        reason = str(error.format_message()).replace("Value error, ", "").rstrip(".")
        return UsageError("words", cause=reason, command=where), UsageError.exit_status
    if type(error).__name__ in _READING and "parquet" in str(error).lower():  # DuckDB at a page that is spoilt
        return NodeCannot("damaged_file", cause=str(error).splitlines()[0]), NodeCannot.exit_status
    cause = str(error) or text("error.no_more")
    return NodeCannot("unexpected", kind=type(error).__name__, cause=cause), NodeCannot.exit_status


def _print_document(document: dict[str, Any]) -> None:
    try:
        print(escaped(json.dumps(document, ensure_ascii=False, indent=2)), flush=True)
    except OSError as broken:
        if broken.errno not in (errno.EPIPE, errno.ENOSPC, errno.EBADF):
            raise


def _pipe_closed() -> int:
    """The reader of our output went away (`| head`): say nothing, and keep the interpreter's last flush quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return PIPE_CLOSED
