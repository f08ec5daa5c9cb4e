"""Every error names a text of the catalogue and gives just the arguments it needs; no sentence stands in the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from haechi.messages.catalogue import catalogue

HAECHI = Path(__file__).parents[2] / "haechi"
CLASSES = {"HaechiError", "BadInput", "UsageError", "NotFound", "Conflict", "NodeCannot", "NotVerified", "MissingExtra"}
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HAECHI.rglob("*.py"))}
IDS = {
    name.removeprefix("error.").rpartition(".")[0]
    for name in catalogue("en")
    if re.fullmatch(r"error\..+\.reason", name)
}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Each place that makes an error."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in CLASSES:
                yield f"{path.relative_to(HAECHI)}:{node.lineno}", node


def needed(id: str) -> set[str]:
    """The arguments that the texts of an error fill in."""
    texts = (catalogue("en").get(f"error.{id}.{part}", "") for part in ("reason", "advice"))
    found = (name for text in texts for _, name, _, _ in Formatter().parse(text) if name)
    return {name.partition(".")[0].partition("[")[0] for name in found}


def test_every_error_is_a_text_of_the_catalogue() -> None:
    literal = []
    for where, call in calls():
        id = call.args[0] if call.args else None
        if isinstance(id, ast.JoinedStr | ast.BinOp):
            literal.append(where)
        elif isinstance(id, ast.Constant) and id.value not in IDS:
            literal.append(f"{where} {id.value!r}")
        elif len(call.args) != 1:
            literal.append(where)
    assert not literal, f"give the id of a text in haechi/messages/en/errors-*.toml, and its arguments: {literal}"


def test_every_error_gives_the_arguments_that_its_texts_need() -> None:
    off = []
    for where, call in calls():
        if isinstance(call.args[0], ast.Constant) and all(keyword.arg for keyword in call.keywords):
            given = {str(keyword.arg) for keyword in call.keywords} - {"location"}
            if given != needed(str(call.args[0].value)):
                off.append(f"{where}: {given} given, {needed(str(call.args[0].value))} needed")
    assert not off, "\n".join(off)


def test_every_text_of_an_error_is_used() -> None:
    words = {
        node.value
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not IDS - words, f"no error has it: {sorted(IDS - words)}"
    assert not [
        name
        for name in catalogue("en")
        if re.fullmatch(r"error\..+\.advice", name) and name.split(".", 1)[1][:-7] not in IDS
    ]
