"""Families of total counts: what a process of a service looks like as one number.

A series has a size B of 40..4000 goroutines at nominal traffic, of which a share of 0.1..0.9 is
in flight: it follows the request rate with a lag of 0.05..20 s and varies 1 to 4 times as much as
a Poisson count. The rest is steady. Traffic wobbles by up to 6 % over minutes to an hour. A family
changes the traffic, adds goroutines that traffic does not explain, or leaks. Sizes are relative to
B (``size``), times are in seconds; the ranges stand where they are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from goleakprobe.simulate.noise import autoregressive, column, log_uniform, lowpass, uniform
from goleakprobe.simulate.series import Clock, SimulatedSeries

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["BENIGN_TOTALS", "LEAKING_TOTALS", "simulate_totals"]


@dataclass
class Draft:
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


def _ramp(
    time: NDArray[np.float64], start: NDArray[np.float64], width: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.clip((time - start) / width, 0.0, 1.0)


def _day(d: Draft, low: float, high: float) -> None:
    phase = d.uniform(0, 1)
    d.traffic *= 1 + d.uniform(low, high) * np.sin(2 * np.pi * (d.time / 86_400 + phase))


def steady(d: Draft) -> None:
    """Nothing but noise."""


def autocorrelated(d: Draft) -> None:
    """Unexplained noise of 2..15 % of the size that remembers 5 s to 10 minutes."""
    memory = d.log_uniform(5, 600)[0] / d.clock.step_seconds
    d.extra += autoregressive(d.rng, d.clock.steps, memory) * d.uniform(0.02, 0.15) * d.size


def diurnal(d: Draft) -> None:
    """Traffic with a daily wave of 20..70 %."""
    _day(d, 0.2, 0.7)


def promotion(d: Draft) -> None:
    """A burst to 1.5..6 times the traffic, up to half an hour long, fading over 2..25 minutes."""
    start, up, hold = d.moment(0.1, 0.8), d.log_uniform(10, 300), d.uniform(0, 1800)
    fade = np.exp(-np.maximum(d.time - start - up - hold, 0) / d.log_uniform(120, 1500))
    d.traffic += d.log_uniform(0.5, 5) * _ramp(d.time, start, up) * fade


def cron(d: Draft) -> None:
    """Every 5..60 minutes 0.2..3 sizes more for 5..120 s."""
    period = d.rng.choice([300.0, 600.0, 900.0, 1800.0, 3600.0], size=(1, d.n))
    length = d.log_uniform(5, 120)
    phase = np.mod(d.time + d.uniform(0, 1) * period, period)
    d.extra += (
        d.log_uniform(0.2, 3) * d.size * np.exp(-np.maximum(phase - length, 0) / (length / 3 + 1))
    )


def deploys(d: Draft) -> None:
    """One to five restarts, each with a warm-up of 5..120 s."""
    for series, count in enumerate(d.rng.integers(1, 6, d.n)):
        moments = uniform(d.rng, 300, d.clock.length_seconds - 300, int(count))
        d.restarts += [(series, float(moment)) for moment in moments]


def autoscaling(d: Draft) -> None:
    """The instance's share of traffic changes one to four times by a factor of 0.5..2."""
    share = np.ones(d.n)
    for _ in range(4):
        moves = d.rng.random(d.n) < 0.6
        new = np.where(moves, np.clip(share * d.log_uniform(0.5, 2)[0], 0.35, 2.5), share)
        moved = (new - share) * _ramp(d.time, d.moment(0.05, 0.95), d.uniform(5, 60))
        d.traffic += moved
        d.extra += moved * d.uniform(0, 0.1) * d.size
        share = new
    np.maximum(d.traffic, 0.15, out=d.traffic)


def pool_warmup(d: Draft) -> None:
    """A pool fills to 0.2..2 sizes with a time constant of 1..20 minutes, most at the start."""
    start = np.where(d.rng.random((1, d.n)) < 0.7, 0.0, d.moment(0, 0.5))
    filled = 1 - np.exp(-np.maximum(d.time - start, 0) / d.log_uniform(60, 1200))
    d.extra += d.log_uniform(0.2, 2) * d.size * filled


def cache_plateau(d: Draft) -> None:
    """Watchers of cached entries: to 0.1..0.8 sizes over 10..40 minutes, with evictions."""
    period, cut = d.log_uniform(300, 1200), d.uniform(0.2, 0.6)
    saw = 1 - cut + cut * np.mod(d.time / period + d.uniform(0, 1), 1)
    filled = 1 - np.exp(-d.time / d.log_uniform(600, 2400))
    d.extra += d.log_uniform(0.1, 0.8) * d.size * filled * saw


def traffic_ramp(d: Draft) -> None:
    """Traffic climbs to 1.5..4 times over 20..90 minutes, stays, and falls again."""
    start, width, hold = d.moment(0, 0.5), d.log_uniform(1200, 5400), d.uniform(0, 3600)
    rise = _ramp(d.time, start, width) - _ramp(d.time, start + width + hold, width)
    d.traffic += (d.log_uniform(1.5, 4) - 1) * rise


def slow_requests(d: Draft) -> None:
    """Long, heavy-tailed requests: noise of 5..30 % that remembers up to 20 minutes."""
    memory = d.log_uniform(60, 1200)[0] / d.clock.step_seconds
    noise = np.exp(autoregressive(d.rng, d.clock.steps, memory) * d.uniform(0.2, 0.6))
    d.extra += d.uniform(0.05, 0.3) * d.size * noise


def queues(d: Draft) -> None:
    """Saturation: up to 0.3..3 sizes wait in a hump of 10..60 minutes."""
    start, width = d.moment(0, 0.7), d.log_uniform(600, 3600)
    hump = np.sin(np.pi * np.clip((d.time - start) / width, 0, 1))
    d.extra += d.log_uniform(0.3, 3) * d.size * hump


def stalls(d: Draft) -> None:
    """A dependency stops answering for 1..25 minutes: waiters pile up, then all go."""
    start, length = d.moment(0.05, 0.85), d.log_uniform(60, 1500)
    pile = np.clip(d.time - start, 0, length) * (d.time < start + length)
    d.extra += d.log_uniform(0.0002, 0.003) * d.size * pile


def leaders(d: Draft) -> None:
    """0.15..1.2 sizes more while the process leads: terms and breaks of 5..83 minutes."""
    crew, moment = d.log_uniform(0.15, 1.2) * d.size, d.uniform(-3600, 3600)
    while (moment < d.clock.length_seconds).any():
        term = d.log_uniform(300, 5000)
        leads = _ramp(d.time, moment, np.full((1, d.n), 5.0))
        d.extra += crew * (leads - _ramp(d.time, moment + term, np.full((1, d.n), 5.0)))
        moment = moment + term + d.log_uniform(300, 5000)


def streams(d: Draft) -> None:
    """Connections of 5..40 minutes that are no requests: 0.2..1.5 sizes, later 0.6..1.8 times that.

    They come and go at random; their number follows a change of arrivals as slowly as they live.
    """
    life, start = d.log_uniform(300, 2400), d.moment(-0.2, 0.6)
    settled = 1 - np.exp(-np.maximum(d.time - start, 0) / life)
    mean = d.log_uniform(0.2, 1.5) * d.size * (1 + d.uniform(-0.4, 0.8) * settled)
    noise = autoregressive(d.rng, d.clock.steps, life[0] / d.clock.step_seconds)
    d.extra += mean + np.sqrt(mean) * noise


def batches(d: Draft) -> None:
    """Every 50..150 minutes 0.15..2 sizes come within 5 s to 15 minutes and stay 3..45 minutes."""
    period, spread, stay = (
        d.log_uniform(3000, 9000),
        d.log_uniform(5, 900),
        d.log_uniform(200, 2700),
    )
    phase = np.mod(d.time + d.uniform(0, 1) * period, period)
    gone = np.clip((stay + spread - phase) / 20, 0, 1)
    d.extra += d.log_uniform(0.15, 2) * d.size * np.clip(phase / spread, 0, 1) * gone


def sessions(d: Draft) -> None:
    """Logins of 3..12 minutes each, from some moment on: 0.2..1 sizes, with a wave of their own.

    Longer ones fill up over an hour like a bounded leak, and no count could tell them apart.
    """
    life, start = d.log_uniform(180, 720), d.moment(-0.3, 0.5)
    logins = 1 + d.uniform(0, 0.5) * np.sin(2 * np.pi * d.time / d.log_uniform(3600, 14_400))
    wanted = np.where(d.time >= start, logins, 0.0)
    d.extra += d.log_uniform(0.2, 1) * d.size * lowpass(wanted, life[0] / d.clock.step_seconds)


def rebalances(d: Draft) -> None:
    """Every 10..60 minutes the process holds another number of shards of 0.02..0.2 sizes each."""
    shard, period = d.log_uniform(0.02, 0.2) * d.size, d.log_uniform(600, 3600)
    held = d.rng.integers(1, 9, d.n)
    number = np.floor(d.time / period + d.uniform(0, 1)).astype(np.int64)
    for turn in range(int(number.max()) + 1):
        d.extra += np.where(number == turn, held * shard, 0.0)
        held = np.clip(held + d.rng.integers(-2, 3, d.n), 1, 8)


def steps(d: Draft) -> None:
    """Two to eight sudden steps that never go back: 0.3..3 sizes."""
    d.leak_from()
    _leak_in_steps(d)


def slow(d: Draft) -> None:
    """A steady leak that comes to 0.25..1.5 sizes by the end."""
    d.leak_from()
    d.leak(0.25, 1.5, d.progress)


def fast(d: Draft) -> None:
    """A steady leak that comes to 2..30 sizes."""
    d.leak_from()
    d.leak(2, 30, d.progress)


def per_request(d: Draft) -> None:
    """A share of requests leaks one each: 0.3..8 sizes, under a daily wave."""
    d.leak_from()
    _day(d, 0.0, 0.6)
    served = np.cumsum(d.traffic * (d.time >= d.onset), axis=0)
    d.leak(0.3, 8, served / served[-1])


def step_after_deploy(d: Draft) -> None:
    """From a deploy on, two to eight sudden steps that never go back: 0.3..3 sizes."""
    d.leak_from(at_start=0.0)
    d.restarts += [(series, float(max(onset - 60, 1))) for series, onset in enumerate(d.onset)]
    _leak_in_steps(d)


def _leak_in_steps(d: Draft) -> None:
    steps = d.rng.integers(2, 9, d.n)
    shape = np.zeros_like(d.extra)
    for step in range(8):
        share = np.where(step < steps, 1.0 / steps, 0.0)
        latest = d.clock.length_seconds - 300
        moment = d.onset if step == 0 else d.onset + d.rng.random(d.n) * (latest - d.onset)
        shape += share * _ramp(d.time, column(moment), np.full((1, d.n), 10.0))
    d.leak(0.3, 3, shape)


def staircase(d: Draft) -> None:
    """A job leaks every 2..30 minutes: 0.4..5 sizes."""
    d.leak_from()
    period = d.rng.choice([120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0], size=(1, d.n))
    stairs = np.floor(d.since / period)
    d.leak(0.4, 5, stairs / np.maximum(stairs[-1], 1))
    d.onset = d.onset + period[0]


def sawtooth(d: Draft) -> None:
    """A leak of 0.5..4 sizes per life, ended by the out-of-memory killer every 20..90 minutes."""
    d.leak_from()
    life = d.log_uniform(1200, 5400)[0]
    first = d.onset + life * d.rng.random(d.n)
    slope = d.log_uniform(0.5, 4)[0] * d.size / life
    for series in range(d.n):
        moments = np.arange(first[series], d.clock.length_seconds - 120, life[series])
        begun = np.concatenate([[d.onset[series]], moments])
        d.restarts += [(series, float(moment)) for moment in moments]
        newest = np.searchsorted(begun, d.time[:, 0], side="right") - 1
        age = np.where(newest < 0, 0.0, d.time[:, 0] - begun[np.maximum(newest, 0)])
        d.extra[:, series] += np.round(slope[series] * age)


def mid_series(d: Draft) -> None:
    """A steady leak that starts between 40 and 70 % of the series: 0.4..5 sizes."""
    d.leak_from(0.4, 0.7, at_start=0.0)
    d.leak(0.4, 5, d.progress)


def hidden_in_diurnal(d: Draft) -> None:
    """A steady leak of 0.4..4 sizes under a daily wave of 20..60 %."""
    d.leak_from()
    _day(d, 0.2, 0.6)
    d.leak(0.4, 4, d.progress)


def bounded(d: Draft) -> None:
    """A leak behind a limit: 0.3..3 sizes with a time constant of 10..60 minutes."""
    d.leak_from()
    d.leak(0.3, 3, 1 - np.exp(-d.since / d.log_uniform(600, 3600)))


def error_path(d: Draft) -> None:
    """Leaks only while errors last: three to nine bursts of two minutes, 0.4..4 sizes in all."""
    d.leak_from()
    bursts = d.rng.integers(3, 10, d.n)
    shape = np.zeros_like(d.extra)
    begins = np.full(d.n, np.inf)
    for burst in range(9):
        moment = d.onset + d.rng.random(d.n) * (d.clock.length_seconds - 400 - d.onset)
        on = burst < bursts
        begins = np.where(on, np.minimum(begins, moment), begins)
        shape += np.where(on, 1.0 / bursts, 0.0) * _ramp(
            d.time, column(moment), np.full((1, d.n), 120.0)
        )
    d.onset = begins
    d.leak(0.4, 4, shape)


Family = "Callable[[Draft], None]"

BENIGN_TOTALS: dict[str, Callable[[Draft], None]] = {
    f.__name__: f
    for f in (
        steady, autocorrelated, diurnal, promotion, cron, deploys, autoscaling, pool_warmup,
        cache_plateau, traffic_ramp, slow_requests, queues, stalls, leaders, streams, batches,
        sessions, rebalances,
    )
}  # fmt: skip
LEAKING_TOTALS: dict[str, Callable[[Draft], None]] = {
    f.__name__: f
    for f in (
        slow, fast, per_request, step_after_deploy, staircase, sawtooth, mid_series,
        hidden_in_diurnal, bounded, error_path, steps,
    )
}  # fmt: skip


def simulate_totals(family: str, n: int, clock: Clock, rng: np.random.Generator) -> SimulatedSeries:
    """``n`` series of one family."""
    leaking = family in LEAKING_TOTALS
    draft = Draft(rng, clock, n)
    (LEAKING_TOTALS if leaking else BENIGN_TOTALS)[family](draft)
    count, rate, restart = _assemble(draft)
    return SimulatedSeries(family, leaking, "total", clock, count, restart, draft.onset, rate=rate)


def _assemble(
    d: Draft,
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
