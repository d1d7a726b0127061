"""How busy a camera's picture was, estimated from the size of its recording: no picture is decoded.

A camera with a variable bit rate sends more while something moves. The rate of a stretch is compared with the quiet and
the busy rates of the same stream (percentiles of its files over a day or more). With a constant bit rate the size tells
nothing; then, and where nothing is recorded, the activity is unknown (None), not zero. It is a hint for the eye on a
time line; `search.query.motion_search` decides whether something moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from core.clock import SECOND
from nvr.archive.coverage.recorded_days import Times, entries_of
from nvr.archive.reader import LocatedGop

REFERENCE_US = 86_400 * SECOND  # files before the range that show the stream's usual rates
QUIET_PERCENTILE, BUSY_PERCENTILE = 10.0, 98.0
MIN_FILES = 20  # fewer do not show what is usual
MIN_SPREAD = 1.3  # busy rate over quiet rate; below it the bit rate is taken for constant
MIN_COVERED_SHARE = 0.05  # of a bucket; a shorter stretch tells nothing about it


class ActivityProblem(StrEnum):
    """Why the activity of a camera is not known."""

    TOO_LITTLE_FOOTAGE = "too_little_footage"
    CONSTANT_BIT_RATE = "constant_bit_rate"


@dataclass(frozen=True, slots=True)
class Activity:
    """Per bucket: share 0 (quiet) … 1 (busy), None where unknown; and why nothing is known; None if something is."""

    shares: list[float | None]
    unknown_because: ActivityProblem | None = None


def of_entries(
    rows: Sequence[tuple[int, bytes]], start_us: int, end_us: int, buckets: int, gops: Sequence[LocatedGop] = ()
) -> Activity:
    """Return the activity of `buckets` equal parts of [start, end).

    `rows`: index rows of the range and of REFERENCE_US before it (recorded_days.index_rows). `gops`: of the range,
    where buckets are shorter than files; the rates of the buckets are then those of the GOPs.
    """
    starts, ends, sizes = entries_of(rows)
    rates = sizes / np.maximum(1, ends - starts)
    unknown: list[float | None] = [None] * buckets
    if len(rates) < MIN_FILES:
        return Activity(unknown, ActivityProblem.TOO_LITTLE_FOOTAGE)
    quiet, busy = np.percentile(rates, [QUIET_PERCENTILE, BUSY_PERCENTILE])
    if quiet <= 0 or busy / quiet < MIN_SPREAD:
        return Activity(unknown, ActivityProblem.CONSTANT_BIT_RATE)
    if gops:
        starts = np.array([g.start_us for g in gops], np.int64)
        ends = np.array([g.end_us for g in gops], np.int64)
        sizes = np.array([g.size for g in gops], np.int64)
    edges = np.linspace(start_us, end_us, buckets + 1)
    amount, covered = _between(edges, starts, ends, sizes)
    known = covered > MIN_COVERED_SHARE * (end_us - start_us) / buckets
    shares = np.clip((amount / np.maximum(covered, 1) - quiet) / (busy - quiet), 0, 1)
    return Activity([round(float(s), 3) if k else None for s, k in zip(shares, known, strict=True)])


def bytes_between(rows: Sequence[tuple[int, bytes]], start_us: int, end_us: int) -> int:
    """Return how many bytes of the files of index rows lie in [start, end); a file counts by its share of the time."""
    starts, ends, sizes = entries_of(rows)
    if not len(starts):
        return 0
    amount, _ = _between(np.array([start_us, end_us], np.float64), starts, ends, sizes)
    return round(float(amount[0]))


def _between(
    edges: npt.NDArray[np.float64], starts: Times, ends: Times, sizes: Times
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return bytes and covered µs between neighbouring edges, of pieces in order of their starts."""
    if len(starts) > 1:
        ends = np.concatenate([np.minimum(ends[:-1], starts[1:]), ends[-1:]])
    ends = np.maximum(ends, starts + 1)
    times = np.stack([starts, ends], axis=1).reshape(-1)
    reached = np.stack([np.cumsum(sizes) - sizes, np.cumsum(sizes)], axis=1).reshape(-1)
    lengths = ends - starts
    covered = np.stack([np.cumsum(lengths) - lengths, np.cumsum(lengths)], axis=1).reshape(-1)
    return np.diff(np.interp(edges, times, reached)), np.diff(np.interp(edges, times, covered))
