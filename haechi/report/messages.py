"""The catalogue of all texts that a person reads: an id and arguments in, a sentence out.

One TOML file a language in `messages/`; nested tables make dotted ids (`[init] done = ...` is `init.done`).
"""

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

DEFAULT_LANGUAGE = "en"
LANGUAGE_VARIABLE = "HAECHI_LANG"
FOLDER = Path(__file__).with_name("messages")


class MessageError(LookupError):
    """A text was asked for that the catalogue lacks, or without an argument that it needs: an error in our code."""


@cache
def catalogue(lang: str = DEFAULT_LANGUAGE) -> dict[str, str]:
    """All messages of a language by id. Raises MessageError where there is no such language."""
    source = FOLDER / f"{lang}.toml"
    if not source.is_file():
        raise MessageError(f"no message catalogue for language {lang!r}")
    return dict(_flat("", tomllib.loads(source.read_text(encoding="utf-8"))))


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
    if wanted.replace("-", "").isalnum() and (FOLDER / f"{wanted}.toml").is_file():
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
