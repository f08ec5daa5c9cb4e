"""Writes a step of the schema: what the code's tables have and the steps before it don't lead to.

    python -m haechi.store.catalog.migrations.write 0002 "Releases have a ledger"

A step that exists is written anew, which is allowed only until it was released. Read what it wrote: Alembic doesn't
see a renamed column. Then name the revision in `engine.REVISIONS`.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from haechi.store.catalog.engine import alembic_config, all_tables, sqlite_url

VERSIONS = Path(__file__).parent / "versions"

_STEP = '''"""{title}."""

import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {before!r}


def upgrade() -> None:
    """One step forward."""
{body}
'''


def main(revision: str, title: str) -> Path:
    """Write step `revision` (four digits); the file."""
    if not re.fullmatch(r"\d{4}", revision) or revision == "0000":
        raise SystemExit("number the step with four digits: 0002")
    before = None if revision == "0001" else f"{int(revision) - 1:04}"
    for old in VERSIONS.glob(f"{revision}_*.py"):
        old.unlink()
    path = VERSIONS / f"{revision}_{re.sub('[^a-z0-9]+', '_', title.lower()).strip('_')}.py"
    path.write_text(_STEP.format(title=title, revision=revision, before=before, body=_body(before)), "utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(path)], check=False)
    return path


def _body(before: str | None) -> str:
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(sqlite_url(Path(folder) / "catalog.sqlite"))
        with engine.connect() as conn:
            if before is not None:
                config = alembic_config()
                config.attributes["connection"] = conn
                command.upgrade(config, before)
            context = MigrationContext.configure(conn, opts={"compare_type": True})
            operations = produce_migrations(context, all_tables()).upgrade_ops
        engine.dispose()
    assert operations is not None
    lines = render_python_code(operations).splitlines()
    return "\n".join("    " + line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


if __name__ == "__main__":
    print(main(*sys.argv[1:3]))
