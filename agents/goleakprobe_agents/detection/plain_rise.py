"""A rise that every rule calls a leak, however large or fast it is: long, straight and one-way.

The fitted score (`leak_score`) weighs what its families differed in, and can be low for a rise that
is plainer than any of them. This one has no coefficients: each rule states what a leak does, and
more of it never scores lower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goleakprobe_agents.detection.rise_features import settling_seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe_agents.detection.rise_features import Circumstances
    from goleakprobe_agents.detection.trend import Trend

__all__ = ["PLAIN_RULES", "PlainRules", "plain_rise"]

_SETTLING_SECONDS = 4500.0
_DRAWDOWN = 0.15
_NOISES = 8.0
_GROWTH = 20.0
_SPREAD = 5.0
_RETURNED = 3.0
_CHURN = 0.02
_AHEAD = 0.6
_QUIET_SECONDS = 1200.0
_AGED_SECONDS = 600.0
_STEEPNESS = 4.0
"""Power of the margin, so that what falls well short of the rules scores next to nothing."""


@dataclass(frozen=True, slots=True)
class PlainRules:
    """What differs by what the floors are of."""

    late: float
    """Least growth of the last third, as a share of the average."""
    after_quiet: float
    """Seconds of rising that are enough long after the start of the process."""
    from_start: float
    """And where it began with the process, or is not known to have begun later."""


PLAIN_RULES = {
    "aged": PlainRules(late=0.75, after_quiet=1800.0, from_start=2700.0),
    "count": PlainRules(late=0.8, after_quiet=2400.0, from_start=3600.0),
}
"""For signatures; a total has too much else in it for a rule."""


def plain_rise(trend: Trend, around: Circumstances, rules: PlainRules) -> NDArray[np.float64]:
    """Score: 1 where every rule is just met, by the weakest of them."""
    growth = np.maximum(trend.growth, 0.0)
    elapsed = trend.elapsed * around.bucket_seconds
    aged = ~np.isnan(around.young)
    quiet = around.age_seconds - elapsed - np.where(aged, _AGED_SECONDS, 0.0)
    enough = np.where(quiet >= _QUIET_SECONDS, rules.after_quiet, rules.from_start)
    pace = np.maximum(growth, 1.0) / np.maximum(elapsed, 60.0) * _AGED_SECONDS
    ahead = (np.maximum(around.young, 0.0) + 1.0) / (pace + 1.0) / _AHEAD
    margins = [
        settling_seconds(trend, around) / _SETTLING_SECONDS,
        elapsed / enough,
        np.clip(3.0 - 2.0 * trend.drawdown / _DRAWDOWN, 0.0, 3.0),
        np.maximum(trend.late, 0.0) / rules.late,
        growth / trend.noise / _NOISES,
        growth / _GROWTH,
        trend.spread / _SPREAD,
        (growth + 1.0) / (around.returned + 1.0) / _RETURNED,
        _CHURN / np.maximum(around.churn, _CHURN / 5),
        np.where(aged, ahead, np.inf),
    ]
    weakest = np.clip(np.minimum.reduce(margins), 0.0, 5.0)
    return np.asarray(weakest**_STEEPNESS, dtype=np.float64)
