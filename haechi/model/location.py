"""Where in an input something stood: rides in every refusal, so that a person finds the record."""

import msgspec


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
            place += f":{self.line}" if place else f"line {self.line}"
        if self.offset is not None:
            place += f" (byte {self.offset})" if place else f"byte {self.offset}"
        if self.field:
            place += f" field {self.field}" if place else f"field {self.field}"
        if self.value:
            shown = self.value if len(self.value) <= 80 else self.value[:77] + "..."
            place += f" = {shown!r}" if self.field else f" {shown!r}" if place else repr(shown)
        return place
