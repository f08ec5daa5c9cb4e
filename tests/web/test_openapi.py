import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from haechi.exchange.taxii.query import LARGEST_PAGE
from tests.web.conftest import TAXII, Served


def document(served: Served) -> dict[str, Any]:
    with served.client() as client:
        found = client.get("/haechi/openapi/openapi.json")
    assert found.status_code == 200
    return dict(found.json())


def test_every_resource_of_taxii_is_described(served: Served) -> None:
    paths = document(served)["paths"]
    assert {"/taxii2", "/haechi", "/haechi/collections", "/haechi/status/{status}"} <= set(paths)
    objects = paths["/haechi/collections/{collection}/objects"]
    assert set(objects) == {"get", "post"}
    named = {one["name"]: one for one in objects["get"]["parameters"]}
    assert named["collection"]["in"] == "path"
    assert named["limit"]["schema"]["maximum"] == LARGEST_PAGE
    assert {"match[id]", "match[type]", "match[version]", "match[spec_version]", "added_after", "next"} <= set(named)
    assert {"202", "413", "415", "422"} <= set(objects["post"]["responses"])


def run(served: Served, *words: str) -> None:
    """Schemathesis over all operations: no answer is an error of ours, or other than the document says."""
    with served.client() as client:
        request = client.build_request("GET", "/haechi/")
        assert client.auth is not None
        login = next(client.auth.auth_flow(request)).headers["authorization"]
    call = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{served.url}/haechi/openapi/openapi.json",
        "--url", served.url, "--header", f"Authorization: {login}", "--header", f"Accept: {TAXII}",
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--exclude-path-regex", "receipts|withdrawals|leaves", "--seed", "1", "--suppress-health-check", "all", *words,
    ]  # fmt: skip
    done = subprocess.run(
        call, capture_output=True, check=False, text=True, timeout=600, env={**os.environ, "NO_COLOR": "1"}, cwd="/tmp"
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_what_is_made_up_from_the_document_meets_no_fault(served: Served) -> None:
    run(served, "--phases", "fuzzing", "--max-examples", "3")


@pytest.mark.slow
def test_very_much_of_it(served: Served) -> None:
    run(served, "--phases", "examples,coverage,fuzzing", "--max-examples", "200")
