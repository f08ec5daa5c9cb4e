"""Writes a node's day as log files, the plan's events among the ordinary ones, and tells where it put them.

Same seed, same bytes: each file has a generator of its own, PCG64 seeded by (seed, side, log, period), so files can be
written in any order. Rows are rendered block by block, so memory does not grow with the day.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from haechi.demo.draw import Draw, Log, columns, shares, sizes
from haechi.demo.layouts.every import logs
from haechi.demo.matrix import Bytes, Ints, Tables, render, squeeze, width
from haechi.demo.plan import Planned, extend
from haechi.demo.shape import minute_weights, split, times
from haechi.demo.truth import Planted
from haechi.demo.world import Side, pools
from haechi.model.clock import DAY

PERIODS = 4  # a file of each log every six hours, as a log rotation leaves them
BLOCK = 8_192  # rows rendered at once: some 5 MB


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file to write: which log, which period of the day, how many lines, and the plan's events in it."""

    log: Log
    period: int
    number: int
    planned: tuple[Planned, ...]

    @property
    def name(self) -> str:
        return f"{self.log.name}-{self.period}{self.log.suffix}"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: path, lines (records, not headers), bytes, and where the planted events lie."""

    path: Path
    lines: int
    size: int
    planted: tuple[Planted, ...]


def span(period: int) -> tuple[int, int]:
    """First and last-plus-one microsecond of the day of a period."""
    return period * DAY // PERIODS, (period + 1) * DAY // PERIODS


def files(side: Side, events: int, planned: Sequence[Planned]) -> list[LogFile]:
    """All files of a node's day; their lines sum to `events`, planted ones included."""
    weights = minute_weights(side.offset_hours).reshape(PERIODS, -1).sum(axis=1)
    wanted = []
    every = logs(side)
    for log, total in zip(every, split(events, shares(every)), strict=True):
        for period, number in enumerate(split(total, weights)):
            start, end = span(period)
            mine = tuple(p for p in planned if p.log == log.name and start <= p.at < end)
            wanted.append(LogFile(log, period, max(number, len(mine)), mine))
    return wanted


def write_day(
    side: Side,
    folder: Path,
    day: date,
    seed: int,
    events: int,
    planned: Sequence[Planned],
    progress: Callable[[int], None] | None = None,
) -> list[Written]:
    """Writes all of a node's files below `folder` (FORMAT-PERIOD.SUFFIX, 0600) and gives them in order.

    `progress` is told the lines written so far. Raises OSError when the disk can't.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    clean = pools(side, day, seed, events / side.events)
    tables, indices = extend(clean, planned)
    known = sizes(clean)
    done: list[Written] = []
    lines = 0
    for number, file in enumerate(files(side, events, planned)):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, side.first_net, 2, number])))
        written = _write(file, folder / file.name, side, day, rng, tables, known, indices)
        done.append(written)
        lines += written.lines
        if progress is not None:
            progress(lines)
    return done


def _kinds(file: LogFile, rng: np.random.Generator, side: Side) -> tuple[Ints, Ints, Ints]:
    """Time, record type and planned event (-1: none) of each line, in order of time."""
    names = [record.name for record in file.log.records]
    ordinary = file.number - len(file.planned)
    start, end = span(file.period)
    cut = np.cumsum(shares(file.log.records))
    drawn = np.minimum(np.searchsorted(cut / cut[-1], rng.random(ordinary)), len(names) - 1)
    at = np.concatenate([times(rng, ordinary, start, end, side.offset_hours), [p.at for p in file.planned]])
    kind = np.concatenate([drawn, [names.index(p.record) for p in file.planned]])
    plan = np.concatenate([np.full(ordinary, -1), np.arange(len(file.planned))])
    order = np.argsort(at, kind="stable")
    return at.astype(np.int64)[order], kind.astype(np.int64)[order], plan.astype(np.int64)[order]


def _write(
    file: LogFile,
    path: Path,
    side: Side,
    day: date,
    rng: np.random.Generator,
    tables: Tables,
    clean: dict[str, int],
    indices: dict[tuple[str, bytes], int],
) -> Written:
    at, kind, plan = _kinds(file, rng, side)
    rows: list[dict[str, Ints]] = []
    for number, record in enumerate(file.log.records):
        mine = kind == number
        cells = columns(record, Draw(rng, int(mine.sum()), tables, clean), at[mine])
        for row in np.flatnonzero(plan[mine] >= 0).tolist():
            planned = file.planned[int(plan[mine][row])]
            for slot, texts in planned.slots.items():
                cells[slot][row] = indices[slot, texts[0]]
            for slot in cells.keys() & planned.own.keys():
                cells[slot][row] = planned.own[slot]
        rows.append(cells)
    start, end = span(file.period)
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    header = file.log.header.format(open=_zeek_time(midnight + start // 1_000_000)).encode()
    footer = file.log.footer.format(close=_zeek_time(midnight + end // 1_000_000)).encode()
    planted: list[Planted] = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        size = out.write(header)
        taken = [0] * len(rows)
        for first in range(0, file.number, BLOCK):
            here = slice(first, first + BLOCK)
            matrix = _block(file.log, kind[here], rows, taken, tables)
            if (plan[here] >= 0).any():
                planted += _places(matrix, plan[here], file, path, size, midnight * 1_000_000)
            size += out.write(squeeze(matrix))
        size += out.write(footer)
    # Readers of formats without a year take it from the file's time.
    os.utime(path, (midnight + end // 1_000_000, midnight + end // 1_000_000))
    return Written(path, file.number, size, tuple(planted))


def _block(log: Log, kind: Ints, rows: list[dict[str, Ints]], taken: list[int], tables: Tables) -> Bytes:
    """The lines of a block as a matrix; `taken` counts the rows of each record type used so far."""
    wide = max(width(record.layout, tables) for record in log.records)
    matrix = np.zeros((len(kind), wide), np.uint8)
    for number, record in enumerate(log.records):
        mine = np.flatnonzero(kind == number)
        if not len(mine):
            continue
        part = slice(taken[number], taken[number] + len(mine))
        taken[number] += len(mine)
        cells = {slot: values[part] for slot, values in rows[number].items()}
        if len(mine) == len(kind):
            render(record.layout, cells, tables, matrix)
            continue
        lines = np.zeros((len(mine), width(record.layout, tables)), np.uint8)
        render(record.layout, cells, tables, lines)
        matrix[mine, : lines.shape[1]] = lines
    return matrix


def _places(matrix: Bytes, plan: Ints, file: LogFile, path: Path, size: int, midnight: int) -> list[Planted]:
    """Where the block's planted lines lie in the file; `size` is the offset of the block."""
    lengths = np.count_nonzero(matrix, axis=1)
    offsets = size + np.cumsum(lengths) - lengths
    return [
        Planted(
            campaign=planned.campaign,
            file=path.name,
            offset=int(offsets[row]),
            length=int(lengths[row]) - 1,
            at=midnight + planned.at,
            values=planned.values,
        )
        for row in np.flatnonzero(plan >= 0).tolist()
        for planned in (file.planned[int(plan[row])],)
    ]


def _zeek_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d-%H-%M-%S")
