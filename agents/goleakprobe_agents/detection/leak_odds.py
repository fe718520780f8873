"""The odds that a rise is a leak, over those that an alarm takes.

Mechanisms come first: a rise of too few, one that went back, or one that has ended is below the
threshold whatever a fitted score makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goleakprobe_agents.detection.leak_score import leak_score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe_agents.detection.trend import Trend

__all__ = ["EARLY_BUCKET_SECONDS", "EARLY_SECONDS", "LEAST_GROWTH", "Rise"]

LEAST_GROWTH = 6.0
"""Goroutines that must have come, earlier processes included, to speak of a leak."""
EARLY_SECONDS = 1680.0
"""For so long a rise is judged by the score of young rises too, which knows no others."""
EARLY_BUCKET_SECONDS = 90.0
"""And on time scales as fine as this."""

_WORST_DRAWDOWN = 0.5
_LEAST_BUCKETS = 6.0
_FEWEST_BUCKETS = 5.0
"""With fewer nothing is said at all."""
_LEAST_LATE = 0.05
"""A rise to which nothing was added of late has ended, long though slower scales may see it."""
_LEAST_OLD = 3.0
"""Aged goroutines beyond the level that the rise began from."""
_LEAST_ELAPSED = 900.0
"""Seconds that a rise has to last before those who stay may tell it."""
_UNLIKELY = 0.5


@dataclass(frozen=True, slots=True)
class Rise:
    """Rises on one time scale, as far as mechanisms go; odds are one per series."""

    trend: Trend
    carried_growth: NDArray[np.float64]
    """Of earlier processes that rose until they ended."""
    bucket_seconds: float

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Enough came, and stayed."""
        grown = np.maximum(self.trend.growth, 0) + self.carried_growth
        enough = (grown >= LEAST_GROWTH) & (self.trend.buckets >= _LEAST_BUCKETS)
        return np.asarray(enough & (self.trend.drawdown <= _WORST_DRAWDOWN), dtype=np.bool_)

    @property
    def lasting(self) -> NDArray[np.bool_]:
        """Some came of late too."""
        return np.asarray(self.possible & (self.trend.late >= _LEAST_LATE), dtype=np.bool_)

    def growing_old(self, old: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Lasting, and some of it is aged by now; ``old`` are all that are.

        Or risen in earlier processes already.
        """
        some = (old - self.trend.level >= _LEAST_OLD) | (self.carried_growth > 0)
        return np.asarray(self.lasting & some, dtype=np.bool_)

    @property
    def young(self) -> NDArray[np.bool_]:
        """Begun so lately that the score of young rises may judge it."""
        if self.bucket_seconds > EARLY_BUCKET_SECONDS:
            return np.zeros(len(self.trend.elapsed), dtype=np.bool_)
        since = self.trend.elapsed * self.bucket_seconds
        return np.asarray(since <= EARLY_SECONDS, dtype=np.bool_)

    def odds(self, of: str, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """By the fitted score of this name; NaN where there is too little to say anything."""
        odds = leak_score(of)(features)
        odds = np.where(self.lasting, odds, np.minimum(odds, _UNLIKELY))
        return odds + self.nothing()

    def odds_of_staying(
        self, features: NDArray[np.float64], before: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """By how many stay (`stay_features`); of rises that are growing old.

        Below the threshold while pools are still filled, as a rule, for nothing of one is seen to
        end; but for what rose in earlier processes. On the scale of young rises a verdict stands
        (``before`` are the odds of a bucket ago) for as long as the rise grows old: a leak told
        while young would else be taken back until the other scores come to see it.
        """
        odds = leak_score("stay")(features)
        early = np.flatnonzero(self.young)
        if len(early):
            odds[early] = np.maximum(odds[early], leak_score("early")(features[early]))
        long = self.trend.elapsed * self.bucket_seconds >= _LEAST_ELAPSED
        odds = np.where(long | (self.carried_growth > 0), odds, np.minimum(odds, _UNLIKELY))
        if self.bucket_seconds > EARLY_BUCKET_SECONDS:
            return odds
        return np.where(before >= 1.0, np.maximum(odds, 1.0), odds)

    def nothing(self) -> NDArray[np.float64]:
        """The odds of rises that nothing speaks for."""
        return np.where(self.trend.buckets >= _FEWEST_BUCKETS, 0.0, np.nan)

    def at(self, places: NDArray[np.int64]) -> Rise:
        """Some of them only."""
        return Rise(self.trend.at(places), self.carried_growth[places], self.bucket_seconds)
