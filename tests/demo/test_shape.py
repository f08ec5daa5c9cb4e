"""The day's shape: night and day, parts that sum, heavy tails."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.demo.shape import HOUR, heavy, minute_weights, split, times, zipf
from haechi.model.clock import DAY


@given(st.integers(0, 10**7), st.lists(st.floats(0.01, 10), min_size=1, max_size=9))
def test_parts_sum_to_the_total(total, weights):
    assert sum(split(total, np.array(weights))) == total


def test_office_hours_are_busier_than_the_night_in_local_time():
    taipei = minute_weights(8).reshape(24, 60).sum(axis=1)
    assert taipei.argmin() == 19  # from 03 to 04 in Taipei
    assert taipei[2] > 2 * taipei[20]  # 10 o'clock
    assert taipei.sum() == pytest.approx(1)


def test_times_are_sorted_inside_and_follow_the_weights():
    at = times(np.random.default_rng(1), 50_000, 0, DAY, 9)
    assert (np.diff(at) >= 0).all()
    assert at[0] >= 0
    assert at[-1] < DAY
    by_hour = np.bincount(at // HOUR, minlength=24) / len(at)
    assert np.abs(by_hour - minute_weights(9).reshape(24, 60).sum(axis=1)).max() < 0.005


def test_zipf_halves_at_double_the_rank():
    ranks = zipf(np.random.default_rng(1), 200_000, 1000)
    assert ranks.min() == 0
    assert ranks.max() == 999
    counts = np.bincount(ranks, minlength=1000)
    assert counts[9:20].sum() == pytest.approx(counts[99:200].sum(), rel=0.1)  # equal mass a decade


def test_heavy_sizes_keep_below_the_top():
    sizes = heavy(np.random.default_rng(1), 10_000, 900, 1.4, 5_000)
    assert sizes.max() == 5_000
    assert 700 < np.median(sizes) < 1_100
