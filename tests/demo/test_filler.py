"""The haystack: as many as asked for, each once, each in normal form."""

import pytest

from haechi.demo.filler import SHAPES, counts, texts
from haechi.model.indicator import ValueType
from haechi.model.normal import normalise


def test_counts_sum_to_the_total():
    for total in (0, 1, 999, 1_000_000):
        assert sum(counts(total).values()) == total


@pytest.mark.parametrize("kind", [kind for kind, _, _ in SHAPES])
def test_values_are_distinct_and_normal(kind):
    found = texts(kind, 10, 5_000, 7)
    assert len(set(found)) == 5_000
    assert all(normalise(ValueType(kind), text) == text for text in found[:200])


def test_a_part_is_the_same_as_that_part_of_the_whole():
    assert texts("url", 100, 50, 7) == texts("url", 0, 200, 7)[100:150]
