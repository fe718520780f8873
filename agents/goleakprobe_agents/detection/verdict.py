"""When a rise is a leak: a few rules that each state a mechanism, all of which must hold.

Every rule gives a margin, 1 where it is just met; the score is the smallest of them. So a score
says both whether there is a leak (1 or more) and how far the weakest part of the evidence goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe_agents.detection.trend import Trend

__all__ = ["JudgingRules", "judge"]


@dataclass(frozen=True, slots=True)
class JudgingRules:
    """What is asked of a rise."""

    slope_errors: float = 6.0
    """Standard errors between the slope and zero."""
    growth: float = 4.0
    """Goroutines grown at least."""
    growth_of_level: float = 0.1
    """Growth over the start level at least."""
    drawdown: float = 0.25
    """Fall within the rise at most, over the growth."""
    late: float = 0.5
    """Newest third at least this steep, over all of the rise."""
    elapsed_seconds: float = 1200.0
    """The rise has lasted at least this long..."""
    fast_per_second: float = 0.8
    """...unless it is this fast..."""
    fast_growth: float = 60.0
    """...has come to this much..."""
    fast_late: float = 0.8
    """...and is this straight."""
    fast_seconds: float = 80.0
    least_buckets: float = 7.0


def judge(
    trend: Trend,
    rules: JudgingRules,
    *,
    seconds: float,
    process_seconds: NDArray[np.float64],
    returned: NDArray[np.float64],
    stack: bool,
) -> NDArray[np.float64]:
    """Score rows of trends over buckets of so many seconds; NaN with too few buckets."""
    error = np.maximum(trend.slope_error, 1e-9)
    rise = np.maximum(trend.growth, 0.0)
    elapsed = trend.elapsed * seconds
    shared = np.minimum.reduce(
        [
            trend.slope / error / rules.slope_errors,
            rise / rules.growth,
            rise / np.maximum(trend.level, 1.0) / rules.growth_of_level,
            (1.0 - trend.drawdown) / (1.0 - rules.drawdown),
            trend.buckets / rules.least_buckets,
        ]
    )
    slow = np.minimum(trend.late / rules.late, elapsed / rules.elapsed_seconds)
    fast = np.minimum.reduce(
        [
            trend.slope / seconds / rules.fast_per_second,
            rise / rules.fast_growth,
            trend.late / rules.fast_late,
            elapsed / rules.fast_seconds,
        ]
    )
    eased = np.maximum(slow, fast) if stack else slow
    score = np.minimum(shared, eased)
    return np.where(trend.buckets >= 5, np.clip(score, 0.0, 10.0), np.nan)
