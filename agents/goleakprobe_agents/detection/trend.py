"""What a row of bucket floors says: how it rises, how surely, since when and in what shape.

All functions take matrices with one row per series and one column per bucket, oldest first, NaN
where a bucket holds no sample, and work on rows independently of each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Trend", "describe", "held", "settled_centre", "time_constants"]

_MAX_AUTOCORRELATION = 0.9
_ROUNDING_VARIANCE = 0.25
"""Counts are whole numbers: even a perfect line of them leaves this much residual variance."""
_TIME_CONSTANTS = np.linspace(0.0, 12.0, 241)
_CENTRES = np.array([0.5, *(1 / x - 1 / math.expm1(x) for x in _TIME_CONSTANTS[1:].tolist())])


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure of each kind per row; lengths of time are in buckets, counts in goroutines."""

    buckets: NDArray[np.float64]
    """Buckets that hold samples."""
    slope: NDArray[np.float64]
    """Growth per bucket that the request rate does not explain."""
    slope_error: NDArray[np.float64]
    """Standard error of the slope, widened for residuals that follow each other."""
    level: NDArray[np.float64]
    """Where the rise started from."""
    growth: NDArray[np.float64]
    """Rise from there to the newest buckets."""
    elapsed: NDArray[np.float64]
    """Since the series was last within a tenth of the growth of its start level."""
    late: NDArray[np.float64]
    """Growth rate of the last third of the rise over that of all of it: 1 for a line."""
    drawdown: NDArray[np.float64]
    """Deepest fall within the rise, over the growth."""
    spread: NDArray[np.float64]
    """Over how many equal steps the growth might be spread: 1 for a single step."""
    span: NDArray[np.float64]
    """From a tenth to eight tenths of the growth."""
    centre: NDArray[np.float64]
    """When the average goroutine came, as a share of the elapsed: 0.5 for a line, less for a
    rise that slows down, 0 for a step."""
    noise: NDArray[np.float64]
    """Standard deviation of a bucket as its neighbours tell, leaving out the largest steps."""
    risen: NDArray[np.float64]
    """All rises within the rise, added up."""
    fallen: NDArray[np.float64]
    """All falls within the rise, added up."""

    def at(self, places: NDArray[np.int64]) -> Trend:
        """Of some rows only."""
        return Trend(*(getattr(self, field.name)[places] for field in fields(self)))


def describe(floors: NDArray[np.float64], rates: NDArray[np.float64] | None = None) -> Trend:
    """Fit and describe every row; rows need two buckets or more to mean anything."""
    weight = np.asarray(~np.isnan(floors), dtype=np.bool_)
    count = weight.sum(axis=1).astype(np.float64)
    floors = held(floors, weight)
    time = np.arange(floors.shape[1], dtype=np.float64)
    if rates is not None:
        known = np.asarray(weight & ~np.isnan(rates), dtype=np.bool_)
        rates = held(rates, np.asarray(~np.isnan(rates), dtype=np.bool_))
        floors = floors - _explained(time, floors, rates, known)
    slope, error = _line(time, floors, weight, count)
    return _shape(floors, weight, count, slope, error)


def settled_centre(time_constants: NDArray[np.float64]) -> NDArray[np.float64]:
    """The centre of a rise 1 - exp(-t) that has been watched for so many time constants."""
    return np.asarray(np.interp(time_constants, _TIME_CONSTANTS, _CENTRES), dtype=np.float64)


def time_constants(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """For how many time constants a rise that settles has been watched: `settled_centre`, back."""
    return np.asarray(np.interp(-centres, -_CENTRES, _TIME_CONSTANTS), dtype=np.float64)


def held(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The last known value over gaps; before the first one, that one; 0 where none is known."""
    columns = np.arange(values.shape[1])
    latest = np.maximum.accumulate(np.where(known, columns, -1), axis=1)
    source = np.where(latest < 0, np.argmax(known, axis=1)[:, None], latest)
    filled = np.take_along_axis(values, source, axis=1)
    return np.where(np.any(known, axis=1, keepdims=True), filled, 0.0)


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quotient, 0 where the divisor is not positive."""
    positive = below > 1e-12
    return np.asarray(np.where(positive, above / np.where(positive, below, 1.0), 0.0), np.float64)


def _centred(
    values: NDArray[np.float64], weight: NDArray[np.bool_], count: NDArray[np.float64]
) -> NDArray[np.float64]:
    mean = _divide(np.where(weight, values, 0.0).sum(axis=1), count)
    return np.asarray(np.where(weight, values - mean[:, None], 0.0), dtype=np.float64)


def _inflation(residual: NDArray[np.float64], squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much an AR(1) residual widens a standard error (Bartlett's (1 + r) / (1 - r))."""
    lagged = (residual[:, 1:] * residual[:, :-1]).sum(axis=1)
    correlation = np.clip(_divide(lagged, squares), 0.0, _MAX_AUTOCORRELATION)
    return np.asarray((1 + correlation) / (1 - correlation), dtype=np.float64)


def _explained(
    time: NDArray[np.float64],
    floors: NDArray[np.float64],
    rates: NDArray[np.float64],
    known: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """The part of the floors that the request rate may account for, centred on its mean.

    Floors are regressed on time and rate; the rate gets the benefit of the doubt: of all
    coefficients within two standard errors that are neither negative nor more than everything the
    service does per request, the one that leaves the least growth.
    """
    count = known.sum(axis=1).astype(np.float64)
    t = _centred(np.broadcast_to(time, floors.shape), known, count)
    y = _centred(floors, known, count)
    r = _centred(rates, known, count)
    stt, srr, syy_floor = (t * t).sum(axis=1), (r * r).sum(axis=1), np.maximum(count - 3, 1)
    str_, sty, sry = (t * r).sum(axis=1), (t * y).sum(axis=1), (r * y).sum(axis=1)
    determinant = stt * srr - str_ * str_
    usable = (determinant > 1e-9 * stt * srr) & (count >= 6)
    safe = np.where(usable, determinant, 1.0)
    best = (sry * stt - sty * str_) / safe
    residual = y - best[:, None] * r - ((sty * srr - sry * str_) / safe)[:, None] * t
    squares = (residual * residual).sum(axis=1)
    error = np.sqrt((squares / syy_floor + _ROUNDING_VARIANCE) * np.abs(stt / safe))
    error = error * np.sqrt(_inflation(np.where(known, residual, 0.0), squares))
    mean_floor = _divide(np.where(known, floors, 0.0).sum(axis=1), count)
    mean_rate = _divide(np.where(known, rates, 0.0).sum(axis=1), count)
    most = _divide(np.maximum(mean_floor, 0.0), mean_rate)
    low = np.clip(np.where(usable, best - 2 * error, 0.0), 0.0, most)
    high = np.clip(np.where(usable, best + 2 * error, most), 0.0, most)
    coefficient = np.where(str_ > 0, high, low)
    part = coefficient[:, None] * (rates - mean_rate[:, None])
    return np.asarray(np.where((count > 0)[:, None], part, 0.0), dtype=np.float64)


def _line(
    time: NDArray[np.float64],
    floors: NDArray[np.float64],
    weight: NDArray[np.bool_],
    count: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope of the least-squares line and its standard error."""
    t = _centred(np.broadcast_to(time, floors.shape), weight, count)
    y = _centred(floors, weight, count)
    stt = (t * t).sum(axis=1)
    slope = _divide((t * y).sum(axis=1), stt)
    residual = y - slope[:, None] * t
    squares = (residual * residual).sum(axis=1)
    variance = squares / np.maximum(count - 2, 1) + _ROUNDING_VARIANCE
    error = np.sqrt(_divide(variance, stt) * _inflation(residual, squares))
    return slope, np.where(stt > 0, error, np.inf)


def _smooth(floors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of three neighbours; the ends take the lower of the last two, which is cautious."""
    smooth = np.empty_like(floors)
    left, middle, right = floors[:, :-2], floors[:, 1:-1], floors[:, 2:]
    smooth[:, 1:-1] = np.maximum(
        np.minimum(left, middle), np.minimum(np.maximum(left, middle), right)
    )
    smooth[:, 0] = np.minimum(floors[:, 0], floors[:, 1])
    smooth[:, -1] = np.minimum(floors[:, -1], floors[:, -2])
    return smooth


def _shape(
    floors: NDArray[np.float64],
    weight: NDArray[np.bool_],
    count: NDArray[np.float64],
    slope: NDArray[np.float64],
    error: NDArray[np.float64],
) -> Trend:
    smooth = _smooth(floors)
    width = smooth.shape[1]
    columns = np.arange(width)
    rows = np.arange(len(smooth))
    first = np.argmax(weight, axis=1)
    half = first + (width - first) // 2
    level = np.where(columns <= half[:, None], smooth, np.inf).min(axis=1)
    end = smooth[:, -3:].mean(axis=1)
    growth = end - level
    low = smooth <= (level + 0.1 * growth)[:, None]
    begun = np.where(low & (columns >= first[:, None]), columns, -1).max(axis=1)
    begun = np.where(growth > 0, np.maximum(begun, first), width - 1)
    elapsed = (width - 1 - begun).astype(np.float64)
    rising = columns >= begun[:, None]
    record = np.maximum.accumulate(np.where(rising, smooth, level[:, None]), axis=1)
    steps = np.diff(np.maximum(record, level[:, None]), axis=1)
    total = steps.sum(axis=1)
    fall = np.where(rising, record - smooth, 0.0).max(axis=1)
    third = np.maximum((elapsed / 3).astype(np.int64), 2)
    before = smooth[rows, np.maximum(width - 1 - third, 0)]
    before2 = smooth[rows, np.maximum(width - 2 - third, 0)]
    recent = end - (before + before2) / 2
    late = _divide(recent / (third - 0.5), _divide(growth, np.maximum(elapsed, 1.0)))
    origin = smooth[rows, begun]
    # The last bucket is left out: it is smoothed to the one before, which would bend a line.
    above = np.where(rising, smooth - origin[:, None], 0.0)[:, :-1]
    area = above.sum(axis=1) / np.maximum(elapsed, 1.0)
    most = np.argmax(rising & (record >= (level + 0.8 * growth)[:, None]), axis=1)
    moves = np.where(rising[:, 1:], np.diff(smooth, axis=1), 0.0)
    return Trend(
        buckets=count,
        slope=slope,
        slope_error=error,
        level=level,
        growth=growth,
        elapsed=elapsed,
        late=late,
        drawdown=np.where(growth > 0, _divide(fall, growth), 9.0),
        spread=_divide(total * total, (steps * steps).sum(axis=1)),
        span=np.maximum(most - begun, 0).astype(np.float64),
        centre=1.0 - _divide(area, above[:, -1]),
        noise=_noise(floors, weight),
        risen=np.maximum(moves, 0.0).sum(axis=1),
        fallen=np.maximum(-moves, 0.0).sum(axis=1),
    )


def _noise(floors: NDArray[np.float64], weight: NDArray[np.bool_]) -> NDArray[np.float64]:
    """From the mean absolute difference of neighbours without the four largest."""
    both = weight[:, 1:] & weight[:, :-1]
    steps = np.sort(np.where(both, np.abs(np.diff(floors, axis=1)), 0.0), axis=1)[:, :-4]
    mean = steps.sum(axis=1) / np.maximum(both.sum(axis=1) - 4, 1)
    return np.asarray(np.maximum(mean * 1.2533 / np.sqrt(2.0), 0.5), dtype=np.float64)
