"""What tells a leak half an hour after it began: whoever came is still there, and more come.

The floors of the aged goroutines show a rise ten minutes late. The floors of all of them show it
at once, but among them requests and fillings of pools too. So a rise of the count is looked at
together with how many of the count are aged by now, and with how evenly it came:

| feature | leaks | what it is not |
|---|---|---|
| ``stayed`` | all who were there ten minutes ago are aged now | requests, pools that are used |
| ``old_share`` | many of the count are aged | sudden crowds |
| ``old``, ``old_growth`` | more are aged than there were before the rise | old pools with traffic |
| ``longest_pause``, ``pause`` | somebody always comes, as chance has it | pools in stages, jobs |
| ``least_quarter`` | in each quarter of the time some came | steps, pools that filled early |
| ``newest_quarter`` | as many as ever in the last one | rises that have ended or slow down |
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from goleakprobe_agents.detection.rise_features import FEATURES
from goleakprobe_agents.detection.survival import AGED_SECONDS
from goleakprobe_agents.detection.trend import held

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe_agents.detection.trend import Trend

__all__ = ["STAY_FEATURES", "stay_features"]

_OF_ALL = tuple(name for name in FEATURES if name != "ahead")
"""Figures of the rise of the count; ``ahead`` is one of the aged only."""
_COLUMNS = [FEATURES.index(name) for name in _OF_ALL]
_QUARTERS = 4

STAY_FEATURES = (
    *_OF_ALL, "stayed", "old_share", "old", "old_growth",
    "longest_pause", "pause", "least_quarter", "newest_quarter",
)  # fmt: skip


def stay_features(
    rise: NDArray[np.float64],
    trend: Trend,
    floors: NDArray[np.float64],
    old: NDArray[np.float64],
    count: NDArray[np.float64],
    bucket_seconds: float,
) -> NDArray[np.float64]:
    """One row per series, one column per name in `STAY_FEATURES`.

    ``rise`` are the `FEATURES` of the floors of the count, of which ``trend`` and ``floors`` (one
    column a bucket, oldest first, NaN unknown) are too; ``old`` are the newest numbers of aged
    goroutines, ``count`` of all.
    """
    then = _floor_before(floors, bucket_seconds)
    record = np.maximum.accumulate(held(floors, ~np.isnan(floors)), axis=1)
    elapsed = np.clip(trend.elapsed.astype(np.int64), 1, floors.shape[1] - 1)
    growth = np.maximum(trend.growth, 1.0)
    paused = _longest_pause(record, elapsed) / elapsed
    quarters = _growth_by_quarter(record, elapsed)
    columns = [
        np.clip(np.log((old + 1.0) / (then + 1.0)), -2.0, 1.0),
        np.log((old + 1.0) / (count + 1.0)),
        np.log1p(old),
        np.log1p(np.maximum(old - trend.level, 0.0)),
        np.log1p(_QUARTERS * paused),
        np.log1p(paused * growth),
        _QUARTERS * quarters.min(axis=1),
        _QUARTERS * quarters[:, 0],
    ]
    return np.concatenate([rise[:, _COLUMNS], np.stack(columns, axis=1)], axis=1)


def _floor_before(floors: NDArray[np.float64], bucket_seconds: float) -> NDArray[np.float64]:
    """Least count of the newest bucket that ended before whoever is aged now came."""
    back = min(math.ceil(AGED_SECONDS / bucket_seconds), floors.shape[1] - 1)
    then = floors[:, -1 - back]
    since = np.fmin.reduce(floors[:, -1 - back :], axis=1)
    return np.asarray(np.nan_to_num(np.where(np.isnan(then), since, then)), dtype=np.float64)


def _longest_pause(record: NDArray[np.float64], elapsed: NDArray[np.int64]) -> NDArray[np.int64]:
    """For how many buckets on end, of the newest ``elapsed``, the record was not raised."""
    still = np.diff(record, axis=1) <= 0
    places = np.arange(still.shape[1])
    still &= places >= still.shape[1] - elapsed[:, None]
    last_move = np.maximum.accumulate(np.where(still, -1, places), axis=1)
    return np.asarray(np.where(still, places - last_move, 0).max(axis=1), dtype=np.int64)


def _growth_by_quarter(
    record: NDArray[np.float64], elapsed: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Shares of the growth within each quarter of the elapsed, the newest first."""
    newest = record.shape[1] - 1
    back = np.round(elapsed[:, None] * np.arange(_QUARTERS + 1) / _QUARTERS).astype(np.int64)
    marks = np.take_along_axis(record, newest - back, axis=1)
    grown = np.maximum(marks[:, 0] - marks[:, -1], 1.0)
    return np.asarray(-np.diff(marks, axis=1) / grown[:, None], dtype=np.float64)
