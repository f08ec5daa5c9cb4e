"""CSV records out of lines: a quoted cell may hold line breaks, over block borders too."""

from collections.abc import Iterator

from haechi.formats.lines import numbered
from haechi.model.errors import BadInput
from haechi.model.location import Location

MAX_RECORD = 65_536  # characters, quoted line breaks included


class OpenRecord:
    """Puts lines together until their quotes are closed."""

    def __init__(self, path: str) -> None:
        self.held = ""
        self._began = 0
        self._path = path

    def records(self, first: int, block: bytes) -> Iterator[tuple[int, str] | BadInput]:
        """The records that end in this block as text with the line they begin on; `first` numbers its first line."""
        for place, line in numbered((block,)):
            number = first + place - 1
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError:
                yield self._refused(number, "list.not_utf_8")
                continue
            if "\0" in text:
                yield self._refused(number, "list.nul")
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
                yield self._refused(self._began, "list.open_quote")
                self.held = ""

    def end(self) -> Iterator[BadInput]:
        """A record that the file's end cuts."""
        if self.held:
            yield self._refused(self._began, "list.open_quote")

    def _refused(self, number: int, id: str) -> BadInput:
        return BadInput(id, location=Location(path=self._path, line=number))
