from haechi.model.country import CODES


def test_two_letters_each_and_the_ones_that_matter_here() -> None:
    assert len(CODES) == 249
    assert all(len(code) == 2 and code.isascii() and code.isupper() for code in CODES)
    assert {"TW", "KR", "KP", "CN", "JP", "US"} <= CODES
    assert not {"ZZ", "XX", "UK", "EU"} & CODES
