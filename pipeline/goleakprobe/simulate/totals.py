"""Families of total counts: what a process of a service looks like as one number.

A family changes the traffic, adds goroutines that traffic does not explain, or leaks. Sizes are
relative to B (``size``, see `processes`), times are in seconds; the ranges stand where they are
drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from goleakprobe.simulate.noise import autoregressive, column, lowpass, uniform

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from goleakprobe.simulate.processes import TotalDraft

__all__ = ["BENIGN_TOTALS", "LEAKING_TOTALS"]


def _ramp(
    time: NDArray[np.float64], start: NDArray[np.float64], width: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.clip((time - start) / width, 0.0, 1.0)


def _day(d: TotalDraft, low: float, high: float) -> None:
    phase = d.uniform(0, 1)
    d.traffic *= 1 + d.uniform(low, high) * np.sin(2 * np.pi * (d.time / 86_400 + phase))


def steady(d: TotalDraft) -> None:
    """Nothing but noise."""


def autocorrelated(d: TotalDraft) -> None:
    """Unexplained noise of 2..15 % of the size that remembers 5 s to 10 minutes."""
    memory = d.log_uniform(5, 600)[0] / d.clock.step_seconds
    d.extra += autoregressive(d.rng, d.clock.steps, memory) * d.uniform(0.02, 0.15) * d.size


def diurnal(d: TotalDraft) -> None:
    """Traffic with a daily wave of 20..70 %."""
    _day(d, 0.2, 0.7)


def promotion(d: TotalDraft) -> None:
    """A burst to 1.5..6 times the traffic, up to half an hour long, fading over 2..25 minutes."""
    start, up, hold = d.moment(0.1, 0.8), d.log_uniform(10, 300), d.uniform(0, 1800)
    fade = np.exp(-np.maximum(d.time - start - up - hold, 0) / d.log_uniform(120, 1500))
    d.traffic += d.log_uniform(0.5, 5) * _ramp(d.time, start, up) * fade


def cron(d: TotalDraft) -> None:
    """Every 5..60 minutes 0.2..3 sizes more for 5..120 s."""
    period = d.rng.choice([300.0, 600.0, 900.0, 1800.0, 3600.0], size=(1, d.n))
    length = d.log_uniform(5, 120)
    phase = np.mod(d.time + d.uniform(0, 1) * period, period)
    d.extra += (
        d.log_uniform(0.2, 3) * d.size * np.exp(-np.maximum(phase - length, 0) / (length / 3 + 1))
    )


def deploys(d: TotalDraft) -> None:
    """One to five restarts, each with a warm-up of 5..120 s."""
    for series, count in enumerate(d.rng.integers(1, 6, d.n)):
        moments = uniform(d.rng, 300, d.clock.length_seconds - 300, int(count))
        d.restarts += [(series, float(moment)) for moment in moments]


def autoscaling(d: TotalDraft) -> None:
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


def pool_warmup(d: TotalDraft) -> None:
    """A pool fills to 0.2..2 sizes with a time constant of 1..20 minutes, most at the start."""
    start = np.where(d.rng.random((1, d.n)) < 0.7, 0.0, d.moment(0, 0.5))
    filled = 1 - np.exp(-np.maximum(d.time - start, 0) / d.log_uniform(60, 1200))
    d.extra += d.log_uniform(0.2, 2) * d.size * filled


def cache_plateau(d: TotalDraft) -> None:
    """Watchers of cached entries: to 0.1..0.8 sizes over 10..40 minutes, with evictions."""
    period, cut = d.log_uniform(300, 1200), d.uniform(0.2, 0.6)
    saw = 1 - cut + cut * np.mod(d.time / period + d.uniform(0, 1), 1)
    filled = 1 - np.exp(-d.time / d.log_uniform(600, 2400))
    d.extra += d.log_uniform(0.1, 0.8) * d.size * filled * saw


def traffic_ramp(d: TotalDraft) -> None:
    """Traffic climbs to 1.5..4 times over 20..90 minutes, stays, and falls again."""
    start, width, hold = d.moment(0, 0.5), d.log_uniform(1200, 5400), d.uniform(0, 3600)
    rise = _ramp(d.time, start, width) - _ramp(d.time, start + width + hold, width)
    d.traffic += (d.log_uniform(1.5, 4) - 1) * rise


def slow_requests(d: TotalDraft) -> None:
    """Long, heavy-tailed requests: noise of 5..30 % that remembers up to 20 minutes."""
    memory = d.log_uniform(60, 1200)[0] / d.clock.step_seconds
    noise = np.exp(autoregressive(d.rng, d.clock.steps, memory) * d.uniform(0.2, 0.6))
    d.extra += d.uniform(0.05, 0.3) * d.size * noise


def queues(d: TotalDraft) -> None:
    """Saturation: up to 0.3..3 sizes wait in a hump of 10..60 minutes."""
    start, width = d.moment(0, 0.7), d.log_uniform(600, 3600)
    hump = np.sin(np.pi * np.clip((d.time - start) / width, 0, 1))
    d.extra += d.log_uniform(0.3, 3) * d.size * hump


def stalls(d: TotalDraft) -> None:
    """A dependency stops answering for 1..25 minutes: waiters pile up, then all go."""
    start, length = d.moment(0.05, 0.85), d.log_uniform(60, 1500)
    pile = np.clip(d.time - start, 0, length) * (d.time < start + length)
    d.extra += d.log_uniform(0.0002, 0.003) * d.size * pile


def leaders(d: TotalDraft) -> None:
    """0.15..1.2 sizes more while the process leads: terms and breaks of 5..83 minutes."""
    crew, moment = d.log_uniform(0.15, 1.2) * d.size, d.uniform(-3600, 3600)
    while (moment < d.clock.length_seconds).any():
        term = d.log_uniform(300, 5000)
        leads = _ramp(d.time, moment, np.full((1, d.n), 5.0))
        d.extra += crew * (leads - _ramp(d.time, moment + term, np.full((1, d.n), 5.0)))
        moment = moment + term + d.log_uniform(300, 5000)


def streams(d: TotalDraft) -> None:
    """Connections of 5..40 minutes that are no requests: 0.2..1.5 sizes, later 0.6..1.8 times that.

    They come and go at random; their number follows a change of arrivals as slowly as they live.
    """
    life, start = d.log_uniform(300, 2400), d.moment(-0.2, 0.6)
    settled = 1 - np.exp(-np.maximum(d.time - start, 0) / life)
    mean = d.log_uniform(0.2, 1.5) * d.size * (1 + d.uniform(-0.4, 0.8) * settled)
    noise = autoregressive(d.rng, d.clock.steps, life[0] / d.clock.step_seconds)
    d.extra += mean + np.sqrt(mean) * noise


def batches(d: TotalDraft) -> None:
    """Every 50..150 minutes 0.15..2 sizes come within 5 s to 15 minutes and stay 3..45 minutes."""
    period, spread, stay = (
        d.log_uniform(3000, 9000),
        d.log_uniform(5, 900),
        d.log_uniform(200, 2700),
    )
    phase = np.mod(d.time + d.uniform(0, 1) * period, period)
    gone = np.clip((stay + spread - phase) / 20, 0, 1)
    d.extra += d.log_uniform(0.15, 2) * d.size * np.clip(phase / spread, 0, 1) * gone


def sessions(d: TotalDraft) -> None:
    """Logins of 3..12 minutes each, from some moment on: 0.2..1 sizes, with a wave of their own.

    Longer ones fill up over an hour like a bounded leak, and no count could tell them apart.
    """
    life, start = d.log_uniform(180, 720), d.moment(-0.3, 0.5)
    logins = 1 + d.uniform(0, 0.5) * np.sin(2 * np.pi * d.time / d.log_uniform(3600, 14_400))
    wanted = np.where(d.time >= start, logins, 0.0)
    d.extra += d.log_uniform(0.2, 1) * d.size * lowpass(wanted, life[0] / d.clock.step_seconds)


def rebalances(d: TotalDraft) -> None:
    """Every 10..60 minutes the process holds another number of shards of 0.02..0.2 sizes each."""
    shard, period = d.log_uniform(0.02, 0.2) * d.size, d.log_uniform(600, 3600)
    held = d.rng.integers(1, 9, d.n)
    number = np.floor(d.time / period + d.uniform(0, 1)).astype(np.int64)
    for turn in range(int(number.max()) + 1):
        d.extra += np.where(number == turn, held * shard, 0.0)
        held = np.clip(held + d.rng.integers(-2, 3, d.n), 1, 8)


def resized_pool(d: TotalDraft) -> None:
    """A pool grows once by 0.1..1 sizes within a minute, and stays so."""
    start, width = d.moment(0.05, 0.95), d.log_uniform(1, 60)
    d.extra += d.log_uniform(0.1, 1) * d.size * _ramp(d.time, start, width)


def staged_pool(d: TotalDraft) -> None:
    """A pool grows to 0.2..2 sizes in two to eight equal stages over 3..40 minutes."""
    start = np.where(d.rng.random((1, d.n)) < 0.7, 0.0, d.moment(0, 0.6))
    stages = d.rng.integers(2, 9, (1, d.n))
    reached = np.floor(1 + stages * (d.time - start) / d.log_uniform(180, 2400))
    d.extra += d.log_uniform(0.2, 2) * d.size * np.clip(reached, 0, stages) / stages


def small_pool(d: TotalDraft) -> None:
    """A process of 4..60 whose pool fills to 0.5..20 sizes over 0.5..30 minutes.

    Evenly, or ever more slowly; in 70 % from the start on.
    """
    d.size = d.log_uniform(4, 60)[0]
    start = np.where(d.rng.random((1, d.n)) < 0.7, 0.0, d.moment(0, 0.6))
    share = _ramp(d.time, start, d.log_uniform(30, 1800))
    slowing = d.rng.random((1, d.n)) < 0.5
    d.extra += d.log_uniform(0.5, 20) * d.size * np.where(slowing, 1 - (1 - share) ** 2.5, share)


def redeployed_pool(d: TotalDraft) -> None:
    """One to four deploys; after each a pool of 0.2..1.5 sizes fills evenly in 1..25 minutes."""
    begun = np.zeros_like(d.extra)
    for series, count in enumerate(d.rng.integers(1, 5, d.n)):
        moments = np.sort(uniform(d.rng, 300, d.clock.length_seconds - 300, int(count)))
        d.restarts += [(series, float(moment)) for moment in moments]
        starts = np.concatenate([[0.0], moments])
        begun[:, series] = starts[np.searchsorted(starts, d.time[:, 0], side="right") - 1]
    filled = np.clip((d.time - begun) / d.log_uniform(60, 1500), 0.0, 1.0)
    d.extra += d.log_uniform(0.2, 1.5) * d.size * filled


def steps(d: TotalDraft) -> None:
    """Two to eight sudden steps that never go back: 0.3..3 sizes."""
    d.leak_from()
    _leak_in_steps(d)


def slow(d: TotalDraft) -> None:
    """A steady leak that comes to 0.25..1.5 sizes by the end."""
    d.leak_from()
    d.leak(0.25, 1.5, d.progress)


def fast(d: TotalDraft) -> None:
    """A steady leak that comes to 2..30 sizes."""
    d.leak_from()
    d.leak(2, 30, d.progress)


def per_request(d: TotalDraft) -> None:
    """A share of requests leaks one each: 0.3..8 sizes, under a daily wave."""
    d.leak_from()
    _day(d, 0.0, 0.6)
    served = np.cumsum(d.traffic * (d.time >= d.onset), axis=0)
    d.leak(0.3, 8, served / served[-1])


def step_after_deploy(d: TotalDraft) -> None:
    """From a deploy on, two to eight sudden steps that never go back: 0.3..3 sizes."""
    d.leak_from(at_start=0.0)
    d.restarts += [(series, float(max(onset - 60, 1))) for series, onset in enumerate(d.onset)]
    _leak_in_steps(d)


def _leak_in_steps(d: TotalDraft) -> None:
    steps = d.rng.integers(2, 9, d.n)
    shape = np.zeros_like(d.extra)
    for step in range(8):
        share = np.where(step < steps, 1.0 / steps, 0.0)
        latest = d.clock.length_seconds - 300
        moment = d.onset if step == 0 else d.onset + d.rng.random(d.n) * (latest - d.onset)
        shape += share * _ramp(d.time, column(moment), np.full((1, d.n), 10.0))
    d.leak(0.3, 3, shape)


def staircase(d: TotalDraft) -> None:
    """A job leaks every 2..30 minutes: 0.4..5 sizes."""
    d.leak_from()
    period = d.rng.choice([120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0], size=(1, d.n))
    stairs = np.floor(d.since / period)
    d.leak(0.4, 5, stairs / np.maximum(stairs[-1], 1))
    d.onset = d.onset + period[0]


def sawtooth(d: TotalDraft) -> None:
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


def mid_series(d: TotalDraft) -> None:
    """A steady leak that starts between 40 and 70 % of the series: 0.4..5 sizes."""
    d.leak_from(0.4, 0.7, at_start=0.0)
    d.leak(0.4, 5, d.progress)


def hidden_in_diurnal(d: TotalDraft) -> None:
    """A steady leak of 0.4..4 sizes under a daily wave of 20..60 %."""
    d.leak_from()
    _day(d, 0.2, 0.6)
    d.leak(0.4, 4, d.progress)


def bounded(d: TotalDraft) -> None:
    """A leak behind a limit: 0.3..3 sizes with a time constant of 10..60 minutes."""
    d.leak_from()
    d.leak(0.3, 3, 1 - np.exp(-d.since / d.log_uniform(600, 3600)))


def error_path(d: TotalDraft) -> None:
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


def small(d: TotalDraft) -> None:
    """A process of 4..60 leaks 0.5..20 sizes evenly."""
    d.size = d.log_uniform(4, 60)[0]
    d.leak_from()
    d.leak(0.5, 20, d.progress)


BENIGN_TOTALS: dict[str, Callable[[TotalDraft], None]] = {
    f.__name__: f
    for f in (
        steady, autocorrelated, diurnal, promotion, cron, deploys, autoscaling, pool_warmup,
        cache_plateau, traffic_ramp, slow_requests, queues, stalls, leaders, streams, batches,
        sessions, rebalances, resized_pool, staged_pool, small_pool, redeployed_pool,
    )
}  # fmt: skip
LEAKING_TOTALS: dict[str, Callable[[TotalDraft], None]] = {
    f.__name__: f
    for f in (
        slow, fast, per_request, step_after_deploy, staircase, sawtooth, mid_series,
        hidden_in_diurnal, bounded, error_path, steps, small,
    )
}  # fmt: skip
