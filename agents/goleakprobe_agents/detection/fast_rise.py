"""The fast path: a place that suddenly fills by about a goroutine a second and empties never.

It judges the shortest scale, four minutes in buckets of 10 s, where nothing can have aged yet. So
it asks for more than growth: the rise is straight, its place is one that nobody was ever seen to
leave, and it was calm before, or the process is known to be young. Where none of that is known,
as of processes that tell no start time, an unbroken rise is waited for instead: one that fills the
whole scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from goleakprobe_agents.detection.trend import settled_centre

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe_agents.detection.rise_features import Circumstances
    from goleakprobe_agents.detection.trend import Trend

__all__ = ["FAST_CHURN", "FAST_GROWTH", "fast_rise", "unbroken_rise"]

FAST_CHURN = 0.02
"""A place that more than this share of arrivals was seen to leave is not judged fast."""
FAST_GROWTH = 50.0
_PER_SECOND = 0.9
_LEAST_SECONDS = 70.0
_SETTLING_SECONDS = 200.0
_DRAWDOWN = 0.25
_SLOPE_ERRORS = 6.0
_GROWTH_NOISES = 8.0
_LEAST_BUCKETS = 7.0
_UNBROKEN_PER_SECOND = 0.25
_UNBROKEN_SECONDS = 180.0
_UNBROKEN_BUCKETS = 21.0
_STEEPNESS = 8.0
"""Power of the margin, so that what falls well short of the rule scores next to nothing."""


def fast_rise(trend: Trend, around: Circumstances, calm: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Score: 1 where every rule is just met, by the weakest of them; NaN with too few buckets.

    ``calm``: whether the place is known to have been quiet before the rise, or the process young.
    """
    rules = [
        *_straight(trend, around, per_second=_PER_SECOND),
        trend.elapsed * around.bucket_seconds / _LEAST_SECONDS,
        trend.buckets / _LEAST_BUCKETS,
        np.where(calm, np.inf, 0.0),
    ]
    return _score(rules, trend)


def unbroken_rise(trend: Trend, around: Circumstances) -> NDArray[np.float64]:
    """Score as of `fast_rise`, of a rise that may be slower and must have lasted all the while."""
    rules = [
        *_straight(trend, around, per_second=_UNBROKEN_PER_SECOND),
        trend.elapsed * around.bucket_seconds / _UNBROKEN_SECONDS,
        trend.buckets / _UNBROKEN_BUCKETS,
    ]
    return _score(rules, trend)


def _straight(
    trend: Trend, around: Circumstances, *, per_second: float
) -> list[NDArray[np.float64]]:
    """Margins, 1 where just met, of a straight rise of that speed in a place that nobody leaves."""
    growth = np.maximum(trend.growth, 0.0)
    seconds = trend.elapsed * around.bucket_seconds
    sure = trend.slope / np.maximum(trend.slope_error, 1e-9) / _SLOPE_ERRORS
    return [
        np.maximum(sure, growth / trend.noise / _GROWTH_NOISES),
        growth / np.maximum(seconds, around.bucket_seconds) / per_second,
        growth / FAST_GROWTH,
        trend.centre / settled_centre(seconds / _SETTLING_SECONDS),
        np.clip(3.0 - 2.0 * trend.drawdown / _DRAWDOWN, 0.0, 3.0),
        np.where(around.churn > FAST_CHURN, 0.0, np.inf),
    ]


def _score(rules: list[NDArray[np.float64]], trend: Trend) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.clip(np.minimum.reduce(rules), 0.0, 5.0) ** _STEEPNESS
    return np.where(trend.buckets >= 5, score, np.nan)
