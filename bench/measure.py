"""What every benchmark needs: the machine's description, a child process with its peak memory, medians."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def default_folder() -> Path:
    """Where data, peers and homes lie: HAECHI_BENCH, else haechi-bench in the folder for temporary files."""
    return Path(os.environ.get("HAECHI_BENCH") or Path(tempfile.gettempdir()) / "haechi-bench")


def machine() -> dict[str, str]:
    """Processor, cores, memory, system, and the versions that matter; for the head of each report."""
    info = dict(
        line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines() if ":" in line
    )
    cpu = next((v.strip() for k, v in info.items() if k.strip() == "model name"), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = {p: metadata.version(p) for p in ("duckdb", "deltalake", "pyarrow", "numba", "numpy", "sqlalchemy")}
    return {
        "cpu": f"{cpu}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{k} {v}" for k, v in versions.items()),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "load": f"{os.getloadavg()[0]:.1f} at the start",
    }


def run_child(argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a script whose last line of output is a JSON object; adds `wall` and `process_cpu` (s) and `rss` (MB, peak).

    The peak is that of the process or of one of its own children. The caller must stay small: a child inherits
    its parent's peak.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            [os.fspath(a) for a in argv], stdout=out, stderr=err, cwd=ROOT, env={**os.environ, **(env or {})}
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        out.seek(0)
        err.seek(0)
        lines = out.read().decode(errors="replace").strip().splitlines()
        if child.returncode != 0 or not lines:
            told = err.read().decode(errors="replace")[-3000:]
            raise RuntimeError(f"{' '.join(map(str, argv))} ended with {child.returncode}:\n{told}")
    return {
        **json.loads(lines[-1]),
        "wall": wall,
        "process_cpu": usage.ru_utime + usage.ru_stime,
        "rss": usage.ru_maxrss / 1024,
    }


def script(name: str, *args: str | Path, python: str | Path = sys.executable) -> list[str]:
    """The command that runs one of this folder's modules."""
    return [os.fspath(python), "-m", f"bench.{name}", *(os.fspath(a) for a in args)]


def uv() -> str:
    """The uv of this checkout or of the machine."""
    own = ROOT / ".tools" / "bin" / "uv"
    found = os.fspath(own) if own.exists() else shutil.which("uv")
    if not found:
        raise SystemExit("uv is missing: python3 -m pip install --target .tools uv")
    return found


def peer_venv(out: Path, name: str, *requirements: str) -> Path:
    """The bin folder of a peer's own virtual environment below `out`; installed from PyPI at the first call."""
    venv = out / f"peer-{name}"
    done = venv / ".ok"
    if not done.exists():
        subprocess.run([uv(), "venv", "-q", "--clear", "--python", sys.executable, venv], check=True)
        subprocess.run([uv(), "pip", "install", "-q", "--python", venv / "bin" / "python", *requirements], check=True)
        done.touch()
    return venv / "bin"


def slice_of(source: Path, lines: int, *, skip: int = 0, head: int = 0) -> Path:
    """The first `head` lines of a file and the `lines` behind `head + skip`, kept beside it."""
    target = source.with_name(f"{source.stem}-{skip}-{lines}{source.suffix}")
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        with source.open("rb") as f, target.open("wb") as g:
            g.writelines(f.readline() for _ in range(head))
            for _ in range(skip):
                f.readline()
            g.writelines(f.readline() for _ in range(lines))
    return target
