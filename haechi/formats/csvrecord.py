"""CSV records out of lines: a quoted cell may hold line breaks, over block borders too."""

from collections.abc import Iterator

from haechi.formats.lines import numbered
from haechi.model.location import Location
from haechi.model.source_object import Refused

MAX_RECORD = 65_536  # characters, quoted line breaks included
_UNCLOSED = "a quote opens here and isn't closed"


class OpenRecord:
    """Puts lines together until their quotes are closed."""

    def __init__(self, path: str) -> None:
        self.held = ""
        self._began = 0
        self._path = path

    def records(self, first: int, block: bytes) -> Iterator[tuple[int, str] | Refused]:
        """The records that end in this block as text with the line they begin on; `first` numbers its first line."""
        for place, line in numbered((block,)):
            number = first + place - 1
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError:
                yield self._refused(number, "the line isn't UTF-8 text")
                continue
            if "\0" in text:
                yield self._refused(number, "the line has a NUL byte")
                continue
            if not self.held and text.count('"') % 2 == 0:
                if text:
                    yield number, text
                continue
            if not self.held:
                self.held, self._began = text, number
            else:
                self.held += "\n" + text
                if self.held.count('"') % 2 == 0:
                    yield self._began, self.held
                    self.held = ""
            if len(self.held) > MAX_RECORD:
                yield self._refused(self._began, _UNCLOSED)
                self.held = ""

    def end(self) -> Iterator[Refused]:
        """A record that the file's end cuts."""
        if self.held:
            yield self._refused(self._began, _UNCLOSED)

    def _refused(self, number: int, reason: str) -> Refused:
        return Refused(location=Location(path=self._path, line=number), reason=reason)
