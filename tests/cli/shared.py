"""Words for the command line, its document back."""

import json
from typing import Any

import pytest

from haechi.cli.main import main


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> Any:
    """The document that a command writes."""
    assert main([*words, "--json"]) == status
    return json.loads(capsys.readouterr().out)
