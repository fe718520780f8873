"""When a rise is a leak: a few rules that each state a mechanism.

Every rule gives a margin, 1 where it is just met. What must hold together is joined by the
smallest margin, alternatives by the largest; the score is what comes out. So a score says both
whether there is a leak (1 or more) and how far the weakest part of the evidence goes.

Common to all: the rise is sure, it is worth mentioning, it does not come back. Then either

- it is *straight* over a good while: warm-ups, caches and pools slow down as they fill, so the
  goroutines of a rise with a time constant below ``settling_seconds`` came early on average; or
- it *lasts*: from a tenth to eight tenths of the growth took longer than a warm-up would; or
- it came in *steps*, well apart, none of which went back; or
- it is *fast*: more than a goroutine every other second, straight, at a place that nobody was
  ever seen to leave.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe_agents.detection.trend import Trend

__all__ = ["AGED_RULES", "COUNT_RULES", "FAST_CHURN", "TOTAL_RULES", "JudgingRules", "judge"]


FAST_CHURN = 0.02
"""A place that more than this share of arrivals was seen to leave is not judged fast."""


@dataclass(frozen=True, slots=True)
class JudgingRules:
    """What is asked of a rise; counts in goroutines, times in seconds."""

    slope_errors: float = 6.0
    """Standard errors between the slope and zero; not asked of aged counts."""
    growth_noises: float = 8.0
    """Or: typical differences between neighbouring buckets, trend apart, in the growth."""
    single_moves: bool = False
    """Goroutines come and go one by one: rises and falls are weighed like coin tosses."""
    growth: float = 6.0
    growth_of_level: float = 0.1
    """Growth over the start level."""
    drawdown: float = 0.25
    """Deepest fall within the rise at most, over the growth."""
    churn: float = math.inf
    """Seen departures at most, over seen arrivals."""
    late: float = 0.35
    """The newest third at least this steep, over all of the rise."""
    straight_seconds: float = 1080.0
    young_seconds: float = 3300.0
    """No slow rise of a younger process is told from its warm-up."""
    settling_seconds: float = 2700.0
    doubt: float = 1.0
    """Standard errors by which a straight rise must stand out from one that settles."""
    lasting_seconds: float = 2700.0
    step_spread: float = 1.6
    step_seconds: float = 1800.0
    fast_per_second: float = 0.9
    fast_growth: float = 50.0
    fast_seconds: float = 70.0
    fast_settling_seconds: float = 200.0
    least_buckets: float = 7.0


COUNT_RULES = JudgingRules()
"""For the count of one signature."""
AGED_RULES = JudgingRules(
    single_moves=True,
    churn=0.1,
    growth_of_level=0.05,
    drawdown=0.1,
    fast_per_second=math.inf,
    settling_seconds=2400.0,
    lasting_seconds=2200.0,
    doubt=0.6,
)
"""For the goroutines of one signature that are older than ten minutes."""
TOTAL_RULES = JudgingRules(
    fast_per_second=math.inf,
    straight_seconds=1600.0,
    settling_seconds=3600.0,
    lasting_seconds=4600.0,
    step_seconds=3000.0,
)
"""For the total of a process."""

_TIME_CONSTANTS = np.linspace(0.0, 12.0, 241)
_CENTRES = np.array([0.5, *(1 / x - 1 / math.expm1(x) for x in _TIME_CONSTANTS[1:].tolist())])
"""Mean arrival time of a rise 1 - exp(-t) seen for so many time constants, over that time."""


def judge(
    trend: Trend,
    rules: JudgingRules,
    *,
    seconds: float,
    age_seconds: NDArray[np.float64],
    carried_seconds: NDArray[np.float64],
    carried_growth: NDArray[np.float64],
    churn: NDArray[np.float64],
    calm: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Score rows of trends over buckets of so many seconds; NaN with fewer than five buckets.

    ``age_seconds``: since the process started, as far as is known. ``carried_seconds`` and
    ``carried_growth``: how long and how far earlier incarnations rose until they ended.
    ``calm``: whether the place is known to have been quiet before the rise, or the process to be
    young. ``churn``: share of the goroutines that came within about an hour and left again.
    """
    growth = np.maximum(trend.growth, 0.0)
    in_all = growth + carried_growth
    elapsed = trend.elapsed * seconds
    with np.errstate(divide="ignore", invalid="ignore"):
        sure = trend.slope / np.maximum(trend.slope_error, 1e-9) / rules.slope_errors
        clear = growth / trend.noise / rules.growth_noises
        if rules.single_moves:
            moves = np.maximum(trend.risen + carried_growth + trend.fallen, 1.0)
            sure = (trend.risen + carried_growth - trend.fallen) / np.sqrt(moves) / 3.2
            clear = sure
        shared = np.minimum.reduce(
            [
                in_all / rules.growth,
                in_all / np.maximum(trend.level, 1.0) / rules.growth_of_level,
                _at_most(trend.drawdown, rules.drawdown),
                _at_most(churn, rules.churn),
                trend.buckets / rules.least_buckets,
            ]
        )
        doubt = 0.289 / np.sqrt(np.maximum(in_all, 1.0))
        if not rules.single_moves:
            doubt = np.maximum(doubt, 0.5 * trend.noise / np.maximum(growth, 1.0))
        settled = np.interp(elapsed / rules.settling_seconds, _TIME_CONSTANTS, _CENTRES)
        risen = np.minimum(np.maximum(sure, clear), 1.8 / np.maximum(trend.late, 0.1))
        # What earlier incarnations did too need not be told from a warm-up as strictly.
        settled = np.where(carried_seconds > 0, 0.85 * settled, settled)
        straight = np.minimum.reduce(
            [
                np.minimum(risen, 2.0 * sure),
                (trend.centre - rules.doubt * doubt) / settled,
                (elapsed + carried_seconds) / rules.straight_seconds,
                (age_seconds + carried_seconds) / rules.young_seconds,
                trend.elapsed / 5.5,
                trend.late / rules.late,
            ]
        )
        span = trend.span * seconds
        lasting = np.minimum(risen, span / rules.lasting_seconds)
        stepped = np.minimum.reduce(
            [
                risen,
                trend.spread / rules.step_spread,
                0.35 * trend.span / np.maximum(trend.spread, 1.0),
                growth / 12.0,
                span / rules.step_seconds,
            ]
        )
        settled = np.interp(elapsed / rules.fast_settling_seconds, _TIME_CONSTANTS, _CENTRES)
        fast = np.minimum.reduce(
            [
                np.maximum(sure, clear),
                growth / np.maximum(elapsed, seconds) / rules.fast_per_second,
                growth / rules.fast_growth,
                trend.centre / settled,
                elapsed / rules.fast_seconds,
                np.where(churn > FAST_CHURN, 0.0, np.inf),
                np.where(calm, np.inf, 0.0),
            ]
        )
    score = np.minimum(shared, np.maximum.reduce([straight, lasting, stepped, fast]))
    return np.where(trend.buckets >= 5, np.clip(score, 0.0, 10.0), np.nan)


def _at_most(share: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """Margin of a share below its limit: 1 at the limit, 3 at nothing."""
    if math.isinf(limit):
        return np.full(len(share), np.inf)
    return np.asarray(np.clip(3.0 - 2.0 * share / limit, 0.0, 3.0), dtype=np.float64)
