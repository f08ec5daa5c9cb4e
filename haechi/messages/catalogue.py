"""The catalogue of all texts that a person reads: an id and arguments in, a sentence out.

One folder a language, TOML files in it; nested tables make dotted ids (`[init] done = ...` is `init.done`). Lowest
floor, because what is refused deep in a parser must be told in the reader's language too (docs/decisions/0009).
"""

import json
import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

DEFAULT_LANGUAGE = "en"
LANGUAGE_VARIABLE = "HAECHI_LANG"
FOLDER = Path(__file__).parent


class MessageError(LookupError):
    """A text was asked for that the catalogue lacks, or without an argument that it needs: an error in our code."""


@dataclass(frozen=True, slots=True)
class Message:
    """A text not yet in any language: an id and its arguments, which may be messages in turn.

    >>> str(Message("error.no_command.reason", {"name": "foo"}))
    "no command 'foo'"
    """

    id: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return text(self.id, **self.arguments)


def encode(messages: Iterable[Message]) -> str:
    """Messages as the JSON text that is stored, so that a later reader is told in their language; "" for none."""
    found = [_plain(message) for message in messages]
    return json.dumps(found, ensure_ascii=False) if found else ""


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return [value.id, {name: _plain(argument) for name, argument in value.arguments.items()}]
    return value if isinstance(value, int | float) else str(value)


def decode(stored: str) -> tuple[Message, ...]:
    """What `encode` wrote."""
    return tuple(_message(one) for one in json.loads(stored)) if stored else ()


def _message(plain: Any) -> Message:
    id, arguments = plain
    return Message(id, {k: _message(v) if isinstance(v, list) else v for k, v in arguments.items()})


@cache
def catalogue(lang: str) -> dict[str, str]:
    """All messages of a language by id. Raises MessageError where there is no such language."""
    sources = sorted((FOLDER / lang).glob("*.toml"))
    if not sources:
        raise MessageError(f"no message catalogue for language {lang!r}")
    found: dict[str, str] = {}
    for source in sources:
        for id, message in _flat("", tomllib.loads(source.read_text(encoding="utf-8"))):
            if id in found:
                raise MessageError(f"message {id!r} stands in the catalogue twice")
            found[id] = message
    return found


def _flat(prefix: str, table: dict[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, dict):
            pairs += _flat(name, value)
        elif isinstance(value, str):
            pairs.append((name, value))
        else:
            raise MessageError(f"message {name!r} is {type(value).__name__}, not a string")
    return pairs


def language() -> str:
    """The reader's language: HAECHI_LANG where we have that catalogue, else English."""
    wanted = os.environ.get(LANGUAGE_VARIABLE, "")
    if wanted.replace("-", "").isalnum() and (FOLDER / wanted).is_dir():
        return wanted
    return DEFAULT_LANGUAGE


def text(message_id: str, /, *, lang: str | None = None, **arguments: Any) -> str:
    """The message in the reader's language, its `{names}` filled in by `str.format`.

    >>> text("command.init")
    'Make the home folder of a new node'
    """
    message = catalogue(lang or language()).get(message_id)
    if message is None:
        raise MessageError(f"no message {message_id!r}")
    try:
        return message.format(**arguments)
    except (KeyError, IndexError) as missing:
        raise MessageError(f"message {message_id!r} needs the argument {missing}") from missing
