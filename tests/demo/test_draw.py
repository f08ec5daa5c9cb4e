"""Draws stay within the clean rows of their tables, so nothing planted is drawn by chance."""

from datetime import date

import numpy as np

from haechi.demo.draw import DRAWS, Draw, columns, shares, sizes
from haechi.demo.layouts.every import logs
from haechi.demo.matrix import slots
from haechi.demo.world import SIDES, TAIWAN, pools


def test_every_slot_of_every_layout_has_a_draw():
    for side in SIDES.values():
        for log in logs(side):
            for record in log.records:
                assert set(slots(record.layout)) - {"t"} <= set(DRAWS)


def test_shares_sum_to_one():
    for side in SIDES.values():
        assert abs(shares(logs(side)).sum() - 1) < 1e-9
        assert all(abs(shares(log.records).sum() - 1) < 1e-9 for log in logs(side))


def test_indices_stay_in_their_tables():
    tables = pools(TAIWAN, date(2026, 3, 10), 7, 0.001)
    for log in logs(TAIWAN):
        for record in log.records:
            draw = Draw(np.random.default_rng(1), 2_000, tables, sizes(tables))
            drawn = columns(record, draw, np.zeros(2_000, np.int64))
            for slot, values in drawn.items():
                assert values.min() >= 0
                if slot in tables:
                    assert values.max() < len(tables[slot])
