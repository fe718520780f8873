"""The figures a leak score is made of: what a rise looks like, free of the size of the service.

Each states a mechanism, over the buckets of one time scale:

| feature | leaks | what it is not |
|---|---|---|
| ``sure`` | slope over its standard error is large | noise, autocorrelated or not |
| ``share``, ``clear`` | growth over the start level and over the noise is large | wobble |
| ``late``, ``centre`` | the newest third is as steep as all of it | warm-ups, caches that fill |
| ``elapsed``, ``span`` | it has lasted, and was long on its way | humps, steps, warm-ups |
| ``spread`` | it came in several steps or evenly | one batch, one term of leadership |
| ``drawdown`` | nothing of it went back | evictions, queues that drain |
| ``unheard_of`` | more than ever went back before | batches and humps that recur |
| ``churn`` | nobody was seen to leave | requests, streams |
| ``age``, ``quiet`` | the process was there, and quiet, before | whatever fills up after a start |
| ``settling`` | if it settles at all, it does so slowly | warm-ups |
| ``level``, ``size`` | growth is large of itself, and little was there before | pools resized |
| ``ahead`` | as many are young as will be old next | rises that have ended already |
| ``scale`` | (which time scale is looked at) | |
| ``carried`` | the processes before rose until they ended | deploys |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goleakprobe_agents.detection.survival import AGED_SECONDS
from goleakprobe_agents.detection.trend import time_constants

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe_agents.detection.trend import Trend

__all__ = ["FEATURES", "Circumstances", "rise_features"]

FEATURES = (
    "sure", "share", "clear", "late", "centre", "drawdown", "spread", "elapsed", "span",
    "unheard_of", "age", "carried", "churn", "quiet", "settling", "level", "ahead", "size", "scale",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the rows beside the floors of one scale."""

    bucket_seconds: float
    age_seconds: NDArray[np.float64]
    """Since the process started, as far as is known."""
    carried_seconds: NDArray[np.float64]
    """How long earlier processes rose until they ended."""
    carried_growth: NDArray[np.float64]
    churn: NDArray[np.float64]
    """Share of the goroutines that came within about an hour and left again."""
    returned: NDArray[np.float64]
    """Largest rise of the floor that went back, of late."""
    young: NDArray[np.float64]
    """How many of the floor of the count are not aged yet; NaN where floors are not of the aged."""


def rise_features(trend: Trend, around: Circumstances) -> NDArray[np.float64]:
    """One row per series, one column per name in `FEATURES`."""
    level = np.maximum(trend.level, 1.0)
    growth = np.maximum(trend.growth, 0.0)
    elapsed = trend.elapsed * around.bucket_seconds
    aged = ~np.isnan(around.young)
    quiet = around.age_seconds - elapsed - np.where(aged, AGED_SECONDS, 0.0)
    pace = np.maximum(growth, 1.0) / np.maximum(elapsed, 60.0) * AGED_SECONDS
    columns = [
        np.log1p(np.maximum(trend.slope / np.maximum(trend.slope_error, 1e-9), 0.0)),
        np.log(0.01 + growth / level),
        np.log1p(growth / trend.noise),
        np.clip(trend.late, -1.0, 3.0),
        np.clip(trend.centre, -0.2, 1.0),
        np.clip(trend.drawdown, 0.0, 2.0),
        np.log(0.5 + trend.spread),
        np.log(60.0 + elapsed),
        np.log(60.0 + trend.span * around.bucket_seconds),
        np.log((growth + 1.0) / (around.returned + 1.0)),
        np.log(300.0 + np.maximum(around.age_seconds, 0.0)),
        np.log1p(around.carried_seconds / 300.0),
        np.log(0.01 + around.churn),
        np.log(60.0 + np.maximum(quiet, 0.0)),
        np.log(60.0 + _settling_seconds(trend, around)),
        np.log1p(np.maximum(trend.level, 0.0)),
        np.log((np.where(aged, np.maximum(around.young, 0.0), 0.0) + 1.0) / (pace + 1.0)),
        np.log1p(growth),
        np.full(len(growth), np.log(around.bucket_seconds / 240.0)),
    ]
    return np.stack(columns, axis=1)


def _settling_seconds(trend: Trend, around: Circumstances) -> NDArray[np.float64]:
    """The least time constant a rise may have if it is one that settles; ten hours at most.

    A few goroutines come unevenly by chance, so a rise of few is given the benefit of that doubt.
    """
    growth = np.maximum(trend.growth, 1.0)
    chance = np.sqrt(1 / 12 / growth) + trend.noise / growth / 3
    constants = time_constants(np.clip(trend.centre - chance, 0.02, 0.5))
    elapsed = trend.elapsed * around.bucket_seconds
    return np.asarray(np.minimum(elapsed / np.maximum(constants, 0.05), 36_000.0), np.float64)
