"""How straight, how fast and since when a few points rise, by their own times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StraightRise", "straight_rise"]

_ROUNDING_VARIANCE = 0.25
"""Counts are whole numbers: even a perfect line of them leaves this much residual variance."""
_ARRIVALS = 1.2
"""The slope of a Poisson process has this much times its mean over the elapsed as variance."""
_CALM = 0.3
"""Points no higher than this share of the growth are near the level."""
_FOOT = 0.1
"""Within this share of the growth from its lowest point a row has not begun to rise."""


@dataclass(frozen=True, slots=True)
class StraightRise:
    """One figure of each kind per row, of the points from the last low one on."""

    points: NDArray[np.float64]
    elapsed: NDArray[np.float64]
    """Seconds from the last low point to the newest."""
    level: NDArray[np.float64]
    growth: NDArray[np.float64]
    slope: NDArray[np.float64]
    """Per second."""
    slope_error: NDArray[np.float64]
    noise: NDArray[np.float64]
    """Standard deviation of the points about the line."""
    centre: NDArray[np.float64]
    """When the average goroutine came, as a share of the elapsed: 0.5 for a line, less for a
    rise that slows down."""
    drawdown: NDArray[np.float64]
    """Deepest fall within the rise, over the growth."""
    calm: NDArray[np.float64]
    """For how many seconds before, of those in view, the points kept near the level."""


def straight_rise(seconds: NDArray[np.float64], floors: NDArray[np.float64]) -> StraightRise:
    """Describe rows of points, oldest first, NaN where there is none yet; the newest is known."""
    known = ~np.isnan(floors)
    columns = np.arange(floors.shape[1])
    level = np.fmin.reduce(floors, axis=1)
    growth = floors[:, -1] - level
    low = known & (np.where(known, floors, np.inf) <= (level + _FOOT * growth)[:, None])
    begun = np.where(low, columns, 0).max(axis=1)
    rising = known & (columns >= begun[:, None])
    y, t = np.where(rising, floors, 0.0), np.where(rising, seconds, 0.0)
    points = rising.sum(axis=1).astype(np.float64)
    t_mean, y_mean = t.sum(axis=1) / points, y.sum(axis=1) / points
    dt = np.where(rising, t - t_mean[:, None], 0.0)
    dy = np.where(rising, y - y_mean[:, None], 0.0)
    spread = np.maximum((dt * dt).sum(axis=1), 1e-9)
    slope = (dt * dy).sum(axis=1) / spread
    residual = dy - slope[:, None] * dt
    variance = (residual * residual).sum(axis=1) / np.maximum(points - 2, 1) + _ROUNDING_VARIANCE
    first = np.take_along_axis(floors, begun[:, None], axis=1)[:, 0]
    since = np.take_along_axis(seconds, begun[:, None], axis=1)[:, 0]
    elapsed = np.maximum(seconds[:, -1] - since, 1e-9)
    risen = np.maximum(floors[:, -1] - first, 1e-9)
    pairs = rising[:, 1:] & rising[:, :-1]
    above = np.where(rising, floors - first[:, None], 0.0)
    strips = (above[:, 1:] + above[:, :-1]) / 2 * np.where(pairs, np.diff(seconds, axis=1), 0.0)
    record = np.maximum.accumulate(np.where(rising, floors, -np.inf), axis=1)
    fall = np.where(rising, record - floors, 0.0).max(axis=1)
    by_chance = _ARRIVALS * np.maximum(slope, 0.0) / elapsed
    before = known & (columns < begun[:, None])
    wild = before & (np.where(known, floors, 0.0) > (level + _CALM * growth)[:, None])
    tame = np.where(wild, columns + 1, np.argmax(known, axis=1)[:, None]).max(axis=1)
    earliest = np.take_along_axis(seconds, tame[:, None], axis=1)[:, 0]
    return StraightRise(
        points=points,
        elapsed=elapsed,
        level=level,
        growth=growth,
        slope=slope,
        slope_error=np.sqrt(np.maximum(variance / spread, by_chance)),
        noise=np.sqrt(variance),
        centre=1.0 - strips.sum(axis=1) / (elapsed * risen),
        drawdown=fall / np.maximum(growth, 1e-9),
        calm=since - earliest,
    )
