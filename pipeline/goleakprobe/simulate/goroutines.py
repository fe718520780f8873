"""Series of one signature, from the lives of single goroutines.

Whoever lives long is an entry of a list of lives (series, begin, end); requests that take seconds
are a population. Counts and ages of the same goroutines so agree with each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from goleakprobe.simulate.noise import column, log_uniform, population, uniform
from goleakprobe.simulate.series import Clock, SimulatedSeries

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AGED_SECONDS", "PAST_SECONDS", "StackDraft"]

AGED_SECONDS = 600.0
PAST_SECONDS = 3600.0
"""Lives begin up to an hour before the series does, so that it starts in its stride."""


@dataclass
class StackDraft:
    """Series in the making; families change it in place."""

    rng: np.random.Generator
    clock: Clock
    n: int
    arrivals: NDArray[np.float64] = field(init=False)
    """Requests per second that reach the stack, steps x series, from `PAST_SECONDS` before."""
    hold: NDArray[np.float64] = field(init=False)
    """Mean seconds that a request stays."""
    onset: NDArray[np.float64] = field(init=False)
    awake: NDArray[np.bool_] = field(init=False)
    """Series whose long-lived goroutines start waiting anew all the time, so they never age."""
    restarts: list[tuple[int, float]] = field(default_factory=list)
    respawning: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)
    lives: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = field(
        default_factory=list
    )
    requests_as_lives: bool = False
    """Whether the family has made lives of its requests itself."""

    def __post_init__(self) -> None:
        self.arrivals = log_uniform(self.rng, 0.02, 3, self.n) * self._traffic()
        self.hold = log_uniform(self.rng, 0.2, 60, self.n)
        self.onset = np.full(self.n, np.nan)
        self.awake = np.zeros(self.n, dtype=np.bool_)

    @property
    def past_steps(self) -> int:
        """Steps before the series starts."""
        return round(PAST_SECONDS / self.clock.step_seconds)

    @property
    def time(self) -> NDArray[np.float64]:
        """Seconds of all steps, those of the past below 0, as a column."""
        steps = np.arange(-self.past_steps, self.clock.steps, dtype=np.float64)
        return np.asarray(steps[:, None] * self.clock.step_seconds, dtype=np.float64)

    def uniform(self, low: float, high: float) -> NDArray[np.float64]:
        """One uniform draw per series."""
        return uniform(self.rng, low, high, self.n)

    def log_uniform(self, low: float, high: float) -> NDArray[np.float64]:
        """One log-uniform draw per series."""
        return log_uniform(self.rng, low, high, self.n)

    def moment(self, low: float, high: float) -> NDArray[np.float64]:
        """A time per series between two shares of the length."""
        return self.uniform(low, high) * self.clock.length_seconds

    def integers(self, low: float, high: float) -> NDArray[np.int64]:
        """One whole log-uniform draw per series."""
        return self.log_uniform(low, high).astype(np.int64)

    def live(
        self, series: NDArray[np.int64], begin: NDArray[np.float64], end: NDArray[np.float64]
    ) -> None:
        """Add goroutines."""
        self.lives.append((series, begin, end))

    def each(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Series numbers, each as often as its count says."""
        return np.repeat(np.arange(self.n), counts)

    def requests(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Every single request: its series and when it came."""
        self.requests_as_lives = True
        step = self.clock.step_seconds
        counts = self.rng.poisson(self.arrivals * step)
        steps, series = np.nonzero(counts)
        repeats = counts[steps, series]
        begin = np.repeat(self.time[steps, 0], repeats)
        return np.repeat(series, repeats), begin + step * self.rng.random(len(begin))

    def wave(self, low: float, high: float) -> None:
        """Put the traffic under a daily wave of so much."""
        turn = 2 * np.pi * (self.time / 86_400 + column(self.rng.random(self.n)))
        self.arrivals *= 1 + column(self.uniform(low, high)) * np.sin(turn)

    def leak_from(self, low: float = 0.0, high: float = 0.4, at_start: float = 0.3) -> None:
        """Set the onset: at the very start for some, else between two shares of the length."""
        earliest = max(600.0, low * self.clock.length_seconds)
        late = self.uniform(earliest, high * self.clock.length_seconds)
        self.onset = np.where(self.rng.random(self.n) < at_start, 0.0, late)

    def leak(self, series: NDArray[np.int64], begin: NDArray[np.float64]) -> None:
        """Add goroutines that never end; the onset moves to the first of them."""
        within = begin < self.clock.length_seconds
        series, begin = series[within], begin[within]
        self.live(series, begin, np.full(len(begin), np.inf))
        first = np.full(self.n, np.inf)
        np.minimum.at(first, series, begin)
        self.onset = np.where(np.isfinite(first), np.maximum(self.onset, first), self.onset)

    def silence_requests(self, share: float) -> None:
        """Make some series a place where nothing healthy ever waits."""
        self.arrivals[:, self.rng.random(self.n) < share] = 0.0

    def finish(self, family: str, *, leaking: bool) -> SimulatedSeries:
        """Count everybody at every sample."""
        restart = self._restarts()
        count = np.zeros((self.clock.steps, self.n), dtype=np.int64)
        aged = np.zeros_like(count)
        if not self.requests_as_lives:
            killed = np.vstack([np.zeros((self.past_steps, self.n), dtype=np.bool_), restart])
            step = self.clock.step_seconds
            count += population(self.rng, self.arrivals, self.hold, step, killed)[self.past_steps :]
        for series, begin, end in self._cut_lives():
            count += self._present(series, begin, end)
            old = (end > begin + AGED_SECONDS) & ~self.awake[series]
            aged += self._present(series[old], begin[old] + AGED_SECONDS, end[old])
        return SimulatedSeries(
            family, leaking, "stack", self.clock, count, restart, self.onset, aged=aged
        )

    def _traffic(self) -> NDArray[np.float64]:
        """Relative traffic: a daily wave for 60 %, a burst for 30 %, a lasting ramp for 20 %."""
        n, time = self.n, self.time
        draw = self.rng.random
        wave = 0.6 * draw(n) * (draw(n) < 0.6)
        traffic = 1 + column(wave) * np.sin(2 * np.pi * (time / 86_400 + column(draw(n))))
        start, hold, fade = self.moment(0, 1), 900 * draw(n), 120 + 900 * draw(n)
        burst = 4 * draw(n) * (draw(n) < 0.3)
        rise = np.clip((time - start) / 120, 0, 1)
        traffic += burst * rise * np.exp(-np.maximum(time - start - hold, 0) / fade)
        ramp = 3 * draw(n) * (draw(n) < 0.2)
        width = 1200 + 4000 * draw(n)
        return np.asarray(traffic + ramp * np.clip((time - self.moment(0, 0.5)) / width, 0, 1))

    def _restarts(self) -> NDArray[np.bool_]:
        restart = np.zeros((self.clock.steps, self.n), dtype=np.bool_)
        for series, moment in self.restarts:
            first = int(np.ceil(moment / self.clock.step_seconds))
            if 0 < first < self.clock.steps:
                restart[first, series] = True
        return restart

    def _cut_lives(
        self,
    ) -> list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
        """Lives as restarts leave them: whoever lives then ends, and pools come back."""
        lives = [(series, begin, end.copy()) for series, begin, end in self.lives]
        for restarted, moment in self.restarts:
            for series, begin, end in lives:
                hit = (series == restarted) & (begin < moment) & (end > moment)
                end[hit] = moment
            for series, delay in self.respawning:
                again = series == restarted
                begin = moment + delay[again]
                lives.append((series[again], begin, np.full(len(begin), np.inf)))
        return lives

    def _present(
        self, series: NDArray[np.int64], begin: NDArray[np.float64], end: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        step, steps = self.clock.step_seconds, self.clock.steps
        length = (steps + 1) * self.n
        first = np.clip(np.ceil(begin / step), 0, steps).astype(np.int64)
        gone = np.clip(np.ceil(np.minimum(end, 1e12) / step), 0, steps).astype(np.int64)
        came = np.bincount(first * self.n + series, minlength=length)
        went = np.bincount(gone * self.n + series, minlength=length)
        change = (came - went).reshape(steps + 1, self.n)
        return np.asarray(np.cumsum(change, axis=0)[:steps], dtype=np.int64)
