"""What all tests share: where real samples lie, no node of the machine's user, Hypothesis without a stopwatch."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # two cores, often busy
settings.register_profile("thorough", parent=settings.get_profile("house"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))

DATA = Path(os.environ.get("HAECHI_DATA", Path(__file__).parent.parent.parent / "shared/data"))


@pytest.fixture(autouse=True)
def _no_home_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test names its node's home; a forgotten one must not find that of whoever runs the tests."""
    monkeypatch.delenv("HAECHI_HOME", raising=False)
    monkeypatch.delenv("HAECHI_LANG", raising=False)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real samples, read in place; the test is skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"no real samples in {DATA}: set HAECHI_DATA")
    return DATA
