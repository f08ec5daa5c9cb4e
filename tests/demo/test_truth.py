"""The truth keeps what it was told, and to itself."""

from haechi.demo.truth import load, save


def test_what_is_saved_is_loaded_and_only_its_owner_reads_it(small_day, tmp_path):
    for day in small_day.values():
        save(day.truth, tmp_path / "truth")
        assert load(tmp_path / "truth") == day.truth
        assert (tmp_path / "truth").stat().st_mode & 0o777 == 0o600
