import sqlite3

import pytest
from deltalake.exceptions import DeltaError
from sqlalchemy.exc import OperationalError

from haechi.model.errors import NodeCannot
from haechi.node.disk import disk_errors


@pytest.mark.parametrize(
    "met",
    [
        OSError(28, "No space left on device"),
        DeltaError("No space left on device"),
        OperationalError("insert", None, sqlite3.OperationalError("No space left on device")),
    ],
)
def test_whichever_library_met_it(met: Exception) -> None:
    with (
        pytest.raises(NodeCannot, match="the batch could not be written: No space left on device") as found,
        disk_errors("ingest.unwritten"),
    ):
        raise met
    assert "goes on" in found.value.advice


@pytest.mark.parametrize("said", ["database is locked", "canceling statement due to lock timeout"])
def test_a_locked_catalog_is_no_full_disk(said: str) -> None:
    met = OperationalError("insert", None, sqlite3.OperationalError(said))
    with pytest.raises(NodeCannot, match="keeps the catalog locked") as found, disk_errors("ingest.unwritten"):
        raise met
    assert "Try again" in found.value.advice


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="a bug"), disk_errors("ingest.unwritten"):
        raise ValueError("a bug")
