"""Series of one process's total, from what traffic explains and what it does not.

A series has a size B of 40..4000 goroutines at nominal traffic, of which a share of 0.1..0.9 is
in flight: it follows the request rate with a lag of 0.05..20 s and varies 1 to 4 times as much as
a Poisson count. The rest is steady. Traffic wobbles by up to 6 % over minutes to an hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from goleakprobe.simulate.noise import autoregressive, column, log_uniform, lowpass, uniform
from goleakprobe.simulate.series import Clock, SimulatedSeries

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TotalDraft"]


@dataclass
class TotalDraft:
    """Series in the making; families change it in place."""

    rng: np.random.Generator
    clock: Clock
    n: int
    time: NDArray[np.float64] = field(init=False)
    """Seconds, as a column."""
    size: NDArray[np.float64] = field(init=False)
    traffic: NDArray[np.float64] = field(init=False)
    """Relative request rate, steps x series."""
    extra: NDArray[np.float64] = field(init=False)
    """Goroutines that traffic does not explain, steps x series."""
    onset: NDArray[np.float64] = field(init=False)
    restarts: list[tuple[int, float]] = field(default_factory=list)
    """(series, seconds) of process starts after the first."""

    def __post_init__(self) -> None:
        shape = (self.clock.steps, self.n)
        self.time = np.arange(self.clock.steps, dtype=np.float64)[:, None]
        self.time *= self.clock.step_seconds
        self.size = log_uniform(self.rng, 40, 4000, self.n)
        self.traffic = np.ones(shape)
        self.extra = np.zeros(shape)
        self.onset = np.full(self.n, np.nan)

    def uniform(self, low: float, high: float) -> NDArray[np.float64]:
        """One uniform draw per series, as a row."""
        return column(uniform(self.rng, low, high, self.n))

    def log_uniform(self, low: float, high: float) -> NDArray[np.float64]:
        """One log-uniform draw per series, as a row."""
        return column(log_uniform(self.rng, low, high, self.n))

    def moment(self, low: float, high: float) -> NDArray[np.float64]:
        """A time per series between two shares of the length, as a row."""
        return self.uniform(low, high) * self.clock.length_seconds

    def leak_from(self, low: float = 0.0, high: float = 0.4, at_start: float = 0.3) -> None:
        """Set the onset: at the very start for some, else between two shares of the length."""
        late = self.moment(max(low, 600 / self.clock.length_seconds), high)[0]
        self.onset = np.where(self.rng.random(self.n) < at_start, 0.0, late)

    def leak(self, low: float, high: float, shape: NDArray[np.float64]) -> None:
        """Add a leak that comes to ``low``..``high`` times the size where its shape is 1."""
        self.extra += np.round(self.log_uniform(low, high) * self.size * shape)

    @property
    def since(self) -> NDArray[np.float64]:
        """Seconds since onset, not below 0, steps x series."""
        return np.maximum(self.time - self.onset, 0.0)

    @property
    def progress(self) -> NDArray[np.float64]:
        """0 at onset, 1 at the end."""
        return self.since / (self.clock.length_seconds - self.onset)

    def finish(self, family: str, *, leaking: bool) -> SimulatedSeries:
        """Put the parts together; only now does traffic wobble and a restart empty the process."""
        count, rate, restart = _assemble(self)
        return SimulatedSeries(
            family, leaking, "total", self.clock, count, restart, self.onset, rate=rate
        )


def _assemble(
    d: TotalDraft,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    step = d.clock.step_seconds
    wobble = autoregressive(d.rng, d.clock.steps, d.log_uniform(300, 3000)[0] / step)
    d.traffic = np.maximum(d.traffic * np.exp(d.uniform(0, 0.06) * wobble), 0.02)
    rate = d.log_uniform(5, 2000) * d.traffic
    rate = np.maximum(rate + d.rng.standard_normal(rate.shape) * np.sqrt(rate / step), 0)
    hold = d.log_uniform(0.05, 20)[0] / step
    share = d.uniform(0.1, 0.9)
    flight = lowpass(share * d.size * d.traffic, hold)
    jitter = autoregressive(d.rng, d.clock.steps, hold) * np.sqrt(d.log_uniform(1, 4) * flight)
    count = (1 - share) * d.size + flight + jitter + d.extra
    restart = np.zeros(count.shape, dtype=np.bool_)
    for series, moment in sorted(d.restarts, key=lambda pair: pair[1]):
        first = int(np.ceil(moment / step))
        if not 0 < first < len(count):
            continue
        restart[first, series] = True
        age = np.arange(len(count) - first) * step
        warm = 1 - np.exp(-np.maximum(age - d.rng.uniform(2, 20), 0) / d.rng.uniform(5, 120))
        low = min(d.rng.uniform(5, 30), 0.3 * d.size[series])
        count[first:, series] = low + (count[first:, series] - low) * warm
        rate[first:, series] *= warm
    return np.rint(np.maximum(count, 3)).astype(np.int64), rate, restart
