"""The fast path: a place that suddenly fills by about a goroutine a second and empties never.

It judges the shortest scale, four minutes in buckets of 10 s, where nothing can have aged yet. So
it asks for more than growth: the rise is straight, its place is one that nobody was ever seen to
leave, and it was calm before, or the process is known to be young.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from goleakprobe_agents.detection.trend import settled_centre

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe_agents.detection.rise_features import Circumstances
    from goleakprobe_agents.detection.trend import Trend

__all__ = ["FAST_CHURN", "FAST_GROWTH", "fast_rise"]

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
_STEEPNESS = 8.0
"""Power of the margin, so that what falls well short of the rule scores next to nothing."""


def fast_rise(trend: Trend, around: Circumstances, calm: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Score: 1 where every rule is just met, by the weakest of them; NaN with too few buckets.

    ``calm``: whether the place is known to have been quiet before the rise, or the process young.
    """
    growth = np.maximum(trend.growth, 0.0)
    seconds = trend.elapsed * around.bucket_seconds
    sure = trend.slope / np.maximum(trend.slope_error, 1e-9) / _SLOPE_ERRORS
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = np.minimum.reduce(
            [
                np.maximum(sure, growth / trend.noise / _GROWTH_NOISES),
                growth / np.maximum(seconds, around.bucket_seconds) / _PER_SECOND,
                growth / FAST_GROWTH,
                trend.centre / settled_centre(seconds / _SETTLING_SECONDS),
                seconds / _LEAST_SECONDS,
                np.clip(3.0 - 2.0 * trend.drawdown / _DRAWDOWN, 0.0, 3.0),
                trend.buckets / _LEAST_BUCKETS,
                np.where(around.churn > FAST_CHURN, 0.0, np.inf),
                np.where(calm, np.inf, 0.0),
            ]
        )
    score = np.clip(margin, 0.0, 5.0) ** _STEEPNESS
    return np.where(trend.buckets >= 5, score, np.nan)
