"""Where in an input something stood: rides in every refusal, so that a person finds the record."""

import msgspec

from haechi.messages.catalogue import text


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place in an input. All parts are optional; lines count from 1, offsets from 0 in the decompressed stream."""

    path: str = ""
    line: int | None = None
    offset: int | None = None
    field: str = ""
    value: str = ""

    def __str__(self) -> str:
        place = self.path
        if self.line is not None:
            place += f":{self.line}" if place else text("location.line", line=self.line)
        if self.offset is not None:
            byte = text("location.byte", offset=self.offset)
            place += f" ({byte})" if place else byte
        if self.field:
            place += (" " if place else "") + text("location.field", field=self.field)
        if self.value:
            shown = self.value if len(self.value) <= 80 else self.value[:77] + "..."
            place += f" = {shown!r}" if self.field else f" {shown!r}" if place else repr(shown)
        return place
