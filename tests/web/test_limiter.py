from haechi.web.limiter import MOST_FAILURES, WINDOW, Failures, Refusals

NOW = 1_800_000_000_000_000


def test_an_address_waits_out_its_minute_and_no_other_does() -> None:
    failures = Failures()
    told = [failures.failed("a", NOW + n) for n in range(MOST_FAILURES + 2)]
    assert told.index(True) == MOST_FAILURES - 1
    assert sum(told) == 1  # told once
    assert failures.blocked("a", NOW + WINDOW - 1)
    assert not failures.blocked("b", NOW)
    assert not failures.blocked("a", NOW + WINDOW)
    assert not failures.failed("a", NOW + WINDOW)
    assert not failures.blocked("a", NOW + WINDOW + 1)


def test_few_failures_are_nobodys_business() -> None:
    failures = Failures()
    for n in range(MOST_FAILURES - 1):
        failures.failed("a", NOW + n)
    assert not failures.blocked("a", NOW + 5)


def test_the_oldest_are_forgotten() -> None:
    failures = Failures()
    for _ in range(MOST_FAILURES):
        failures.failed("first", NOW)
    for n in range(10_000):
        failures.failed(f"a{n}", NOW)
    assert len(failures._found) == 10_000
    assert not failures.blocked("first", NOW)


def test_a_reason_is_told_once_a_minute_with_its_count() -> None:
    refusals = Refusals()
    assert [refusals.due("a", NOW + n) for n in range(5)] == [1, 0, 0, 0, 0]
    assert refusals.due("b", NOW) == 1
    assert refusals.due("a", NOW + WINDOW) == 5
    assert refusals.due("a", NOW + WINDOW + 1) == 0
