"""JSON documents from outside: decoded with a limit on size and depth, and a reason a person can use."""

from typing import Any, Final, TypeVar

import msgspec

from haechi.model.errors import BadInput
from haechi.model.location import Location
from haechi.model.source_object import SourceObject


class NoIndicator(msgspec.Struct, frozen=True):
    """An object or attribute of a document that isn't to be matched: it tells of others, or says so itself."""


NO_INDICATOR: Final = NoIndicator()
MAX_BYTES: Final = 512 << 20
_T = TypeVar("_T")


def decode(data: bytes, kind: type[_T], path: str) -> _T:
    """The document as `kind`. Raises BadInput for anything that isn't JSON of that shape."""
    location = Location(path=path)
    if len(data) > MAX_BYTES:
        raise BadInput("json.large", location=location, size=len(data) >> 20, most=MAX_BYTES >> 20)
    bare = data.removeprefix(b"\xef\xbb\xbf")
    if not bare.strip():
        raise BadInput("json.empty", location=location)
    try:
        return msgspec.json.decode(bare, type=kind)
    except msgspec.ValidationError as error:
        raise BadInput("json.shape", location=location, cause=str(error)) from None
    except msgspec.DecodeError as error:
        raise BadInput("json.invalid", location=location, cause=str(error)) from None
    except UnicodeDecodeError:
        raise BadInput("json.not_utf_8", location=location) from None
    except RecursionError:
        raise BadInput("json.deep", location=location) from None


def storable(found: SourceObject) -> SourceObject:
    """The object; BadInput where a text of it has a NUL, which JSON can write and PostgreSQL can't keep."""
    patterns = (text for one in found.patterns for text in (one.pattern_type, one.pattern))
    values = (text for texts in found.values.values() for text in texts)
    for one in (found.object_id, found.version, *patterns, *values):
        if "\0" in one:
            raise BadInput("json.nul", location=Location(value=one))
    return found


def texts(value: Any) -> tuple[str, ...]:
    """The non-empty strings of a list; () for anything else."""
    return tuple(item for item in value if isinstance(item, str) and item) if isinstance(value, list) else ()


def text(value: Any) -> str:
    """A string or a number as text; "" for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
