"""Families of single signatures: goroutines that wait at one place.

0.02..3 requests a second reach the place, under a daily wave (60 % of series), a burst (30 %) or a
lasting ramp (20 %), and stay 0.2..60 s on average. A family says who else waits there, or leaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from goleakprobe.simulate.goroutines import PAST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from goleakprobe.simulate.goroutines import StackDraft


__all__ = ["BENIGN_STACKS", "LEAKING_STACKS"]

_ALONE = 0.6
"""Share of places of long-lived goroutines where no requests wait, as at most places that leak."""


def in_flight(d: StackDraft) -> None:
    """Requests, nothing else."""


def heavy_tailed(d: StackDraft) -> None:
    """Requests with Pareto times (index 1.2), up to an hour."""
    series, begin = d.requests()
    hold = d.hold[series] * 0.3 * (d.rng.pareto(1.2, len(begin)) + 0.3)
    d.live(series, begin, begin + np.minimum(hold, 3600))


def workers(d: StackDraft) -> None:
    """1..500 workers that were there before; 70 % are woken often."""
    d.silence_requests(_ALONE)
    series = d.each(d.integers(1, 500))
    d.live(series, np.full(len(series), -PAST_SECONDS), np.full(len(series), np.inf))
    d.respawning.append((series, 30 * d.rng.random(len(series))))
    d.awake = d.rng.random(d.n) < 0.7
    _deploy_some(d)


def pool(d: StackDraft) -> None:
    """5..400 workers start one by one with a time constant of 1..20 minutes, then stay."""
    d.silence_requests(_ALONE)
    series = d.each(d.integers(5, 400))
    begin = np.where(d.rng.random(d.n) < 0.7, 0.0, d.moment(0, 0.5))
    delay = d.rng.exponential(d.log_uniform(60, 1200)[series])
    d.live(series, begin[series] + delay, np.full(len(series), np.inf))
    d.respawning.append((series, 30 * d.rng.random(len(series))))
    d.awake = d.rng.random(d.n) < 0.7
    _deploy_some(d)


def idle_connections(d: StackDraft) -> None:
    """Keep-alive connections that stay half to one and a half times 0.5..10 minutes."""
    series, begin = d.requests()
    hold = d.log_uniform(30, 600)[series] * (0.5 + d.rng.random(len(begin)))
    d.live(series, begin, begin + hold)


def cache_entries(d: StackDraft) -> None:
    """A watcher per cached entry from the start on, for 10..40 minutes each."""
    series, begin = d.requests()
    hold = d.log_uniform(600, 2400)[series] * (0.7 + 0.6 * d.rng.random(len(begin)))
    started = begin > 0
    d.live(series[started], begin[started], (begin + hold)[started])


def streams(d: StackDraft) -> None:
    """Long connections, exponential with a mean of 5..30 minutes."""
    series, begin = d.requests()
    d.live(series, begin, begin + d.rng.exponential(d.log_uniform(300, 1800)[series]))


def cron_jobs(d: StackDraft) -> None:
    """Every 5..60 minutes 5..300 goroutines for 5..240 s."""
    d.silence_requests(_ALONE)
    period = d.rng.choice([300.0, 600.0, 900.0, 1800.0, 3600.0], d.n)
    _periodic(d, period, d.integers(5, 300), spread=np.full(d.n, 3.0), hold=d.log_uniform(5, 240))


def batches(d: StackDraft) -> None:
    """Every 40..150 minutes 5..400 workers come within 5 s to 15 minutes and stay 3..40 minutes."""
    d.silence_requests(_ALONE)
    spread = d.log_uniform(5, 900)
    _periodic(d, d.log_uniform(2400, 9000), d.integers(5, 400), spread, d.log_uniform(200, 2400))


def stalls(d: StackDraft) -> None:
    """Nobody is answered for 1..25 minutes; then everybody."""
    series, begin = d.requests()
    start, length = d.moment(0, 0.88), d.log_uniform(60, 1500)
    end = begin + d.rng.exponential(d.hold[series])
    over = (start + length)[series]
    held = (end > start[series]) & (begin < over)
    d.live(series, begin, np.where(held, over + 5 * d.rng.random(len(begin)), end))


def queues(d: StackDraft) -> None:
    """Saturation: requests take up to 4..24 times as long in a hump of 10..60 minutes."""
    series, begin = d.requests()
    start, length = d.moment(0, 0.75), d.log_uniform(600, 3600)
    hump = np.sin(np.pi * np.clip((begin - start[series]) / length[series], 0, 1))
    hold = d.hold[series] * (1 + d.uniform(3, 23)[series] * hump)
    d.live(series, begin, begin + d.rng.exponential(hold))


def leaders(d: StackDraft) -> None:
    """3..300 goroutines while the process leads: terms and breaks of 5..83 minutes."""
    d.silence_requests(_ALONE)
    crew = d.integers(3, 300)
    moment = -PAST_SECONDS * d.rng.random(d.n)
    while (moment < d.clock.length_seconds).any():
        term = d.log_uniform(300, 5000)
        series = d.each(crew)
        begin = moment[series] + 5 * d.rng.random(len(series))
        d.live(series, begin, begin + term[series])
        moment = moment + term + d.log_uniform(300, 5000)


def sessions(d: StackDraft) -> None:
    """Users who stay 10..40 minutes, give or take, more and more of them over 10..40 minutes.

    Were they to come all at once, nobody could tell them from a fast leak within two minutes.
    """
    series, begin = d.requests()
    hold = d.log_uniform(600, 2400)[series] * np.exp(0.5 * d.rng.standard_normal(len(begin)))
    ramp = (begin - d.moment(-0.3, 0.5)[series]) / d.log_uniform(600, 2400)[series]
    come = d.rng.random(len(begin)) < ramp
    d.live(series[come], begin[come], (begin + hold)[come])


def shards(d: StackDraft) -> None:
    """2..60 goroutines a shard; each of eight comes or goes every 10..40 minutes or so.

    Shards that stay for hours are steps to whoever watches for hours.
    """
    d.silence_requests(_ALONE)
    crew, period = d.integers(2, 60), d.log_uniform(300, 1200)
    for _ in range(8):
        moment = -PAST_SECONDS - period * d.rng.random(d.n)
        while (moment < d.clock.length_seconds).any():
            stay = period * (1 + d.rng.poisson(1.0, d.n))
            here = d.each(np.where(d.rng.random(d.n) < 0.5, crew, 0))
            begin = moment[here] + 5 * d.rng.random(len(here))
            d.live(here, begin, moment[here] + stay[here])
            moment = moment + stay


def resized_pool(d: StackDraft) -> None:
    """A pool of 4..300 grows once or twice by 0.1..1.5 times its size; half are woken often."""
    d.silence_requests(_ALONE)
    size = d.integers(4, 300)
    series = d.each(size)
    d.live(series, np.full(len(series), -PAST_SECONDS), np.full(len(series), np.inf))
    for share in (1.0, 0.4):
        grows = np.where(d.rng.random(d.n) < share, np.ceil(size * d.log_uniform(0.1, 1.5)), 0)
        series = d.each(grows.astype(np.int64))
        begin = d.moment(0.05, 0.95)[series] + d.log_uniform(1, 60)[series] * _draws(d, series)
        d.live(series, begin, np.full(len(series), np.inf))
    d.awake = d.rng.random(d.n) < 0.5


def slow_pool(d: StackDraft) -> None:
    """5..400 workers come evenly, or ever more slowly, over 3..30 minutes; half are woken often."""
    d.silence_requests(_ALONE)
    series = d.each(d.integers(5, 400))
    begin = np.where(d.rng.random(d.n) < 0.7, 0.0, d.moment(0, 0.6))
    even = _draws(d, series)
    share = np.where((d.rng.random(d.n) < 0.5)[series], -np.log1p(-even) / 2.5, even)
    moments = begin[series] + d.log_uniform(180, 1800)[series] * share
    d.live(series, moments, np.full(len(series), np.inf))
    d.awake = d.rng.random(d.n) < 0.5


def staged_pool(d: StackDraft) -> None:
    """A pool of 4..400 grows in two to ten stages over 3..40 minutes; half are woken often."""
    d.silence_requests(_ALONE)
    series = d.each(d.integers(4, 400))
    begin = np.where(d.rng.random(d.n) < 0.7, 0.0, d.moment(0, 0.6))
    stages, length = d.rng.integers(2, 11, d.n), d.log_uniform(180, 2400)
    share = np.floor(_draws(d, series) * stages[series]) / stages[series]
    moments = begin[series] + length[series] * share + _draws(d, series)
    d.live(series, moments, np.full(len(series), np.inf))
    d.awake = d.rng.random(d.n) < 0.5


def redeployed_pool(d: StackDraft) -> None:
    """A deploy every 30..140 minutes; after each 5..250 workers come over 0.5..15 minutes."""
    d.silence_requests(_ALONE)
    size, fill, period = d.integers(5, 250), d.log_uniform(30, 900), d.log_uniform(2400, 7200)
    moment, gap = np.zeros(d.n), 0.5 + d.rng.random(d.n)
    latest = d.clock.length_seconds - 300
    while (moment < latest).any():
        here = moment < latest
        d.restarts += [(int(at), float(moment[at])) for at in np.flatnonzero(here & (moment > 0))]
        series = d.each(np.where(here, size, 0))
        begin = moment[series] + 1 + fill[series] * _draws(d, series)
        d.live(series, begin, np.full(len(series), np.inf))
        moment, gap = moment + period * gap, 0.8 + 0.4 * d.rng.random(d.n)
    d.awake = d.rng.random(d.n) < 0.5


def slow(d: StackDraft) -> None:
    """40..600 goroutines leak evenly; in 70 % nothing healthy waits at the place."""
    d.silence_requests(0.7)
    _leak_evenly(d, 40, 600)


def fast(d: StackDraft) -> None:
    """600..40,000 goroutines leak evenly: up to five a second."""
    d.silence_requests(0.7)
    _leak_evenly(d, 600, 40_000)


def torrent(d: StackDraft) -> None:
    """1..10 goroutines leak every second."""
    d.silence_requests(0.7)
    d.leak_from()
    left = d.clock.length_seconds - d.onset
    series = d.each(d.rng.poisson(d.log_uniform(1, 10) * left))
    d.leak(series, d.onset[series] + left[series] * d.rng.random(len(series)))


def mixed(d: StackDraft) -> None:
    """40..600 goroutines leak among requests at the same place."""
    _leak_evenly(d, 40, 600)


def per_request(d: StackDraft) -> None:
    """80..1200 goroutines leak in proportion to the traffic."""
    d.leak_from()
    series, begin = d.requests()
    share = d.log_uniform(80, 1200) / np.maximum(d.arrivals.sum(axis=0) * d.clock.step_seconds, 1)
    left = (begin > d.onset[series]) & (d.rng.random(len(begin)) < share[series])
    d.live(series[~left], begin[~left], (begin + d.rng.exponential(d.hold[series]))[~left])
    d.leak(series[left], begin[left])


def staircase(d: StackDraft) -> None:
    """40..600 goroutines leak in jobs every 2..15 minutes."""
    d.silence_requests(0.7)
    d.leak_from()
    period = d.rng.choice([120.0, 300.0, 600.0, 900.0], d.n)
    series, begin = _even_moments(d, 40, 600)
    jobs = np.ceil((begin - d.onset[series]) / period[series])
    d.leak(series, d.onset[series] + jobs * period[series])


def steps(d: StackDraft) -> None:
    """30..500 goroutines leak at two to six moments."""
    d.silence_requests(0.7)
    d.leak_from()
    _leak_in_bursts(d, 30, 500, bursts=(2, 7), length=10)


def sawtooth(d: StackDraft) -> None:
    """40..12,000 goroutines leak evenly, with restarts every 25..67 minutes."""
    d.silence_requests(0.7)
    life = d.log_uniform(1500, 4000)
    _leak_evenly(d, 40, 12_000)
    for series in range(d.n):
        first = d.onset[series] + life[series]
        moments = np.arange(first, d.clock.length_seconds - 600, life[series])
        d.restarts += [(series, float(moment)) for moment in moments]


def bounded(d: StackDraft) -> None:
    """30..400 goroutines leak ever more slowly, with a time constant of 10..40 minutes."""
    d.silence_requests(0.7)
    d.leak_from()
    series = d.each(d.rng.poisson(d.log_uniform(30, 400)))
    d.leak(series, d.onset[series] + d.rng.exponential(d.log_uniform(600, 2400)[series]))


def error_path(d: StackDraft) -> None:
    """40..600 goroutines leak in three to nine bursts of two minutes."""
    d.silence_requests(0.7)
    d.leak_from()
    _leak_in_bursts(d, 40, 600, bursts=(3, 10), length=120)


def step_after_deploy(d: StackDraft) -> None:
    """A deploy, and from then on 30..500 goroutines leak at two to six moments."""
    d.silence_requests(0.7)
    d.leak_from(at_start=0.0)
    d.restarts += [(series, float(max(onset - 60, 1))) for series, onset in enumerate(d.onset)]
    _leak_in_bursts(d, 30, 500, bursts=(2, 7), length=10)


def mid_series(d: StackDraft) -> None:
    """30..400 goroutines leak evenly from between 40 and 70 % of the series on."""
    d.silence_requests(0.7)
    d.leak_from(0.4, 0.7, at_start=0.0)
    d.leak(*_even_moments(d, 30, 400))


def hidden_in_diurnal(d: StackDraft) -> None:
    """40..600 goroutines leak among requests that follow a daily wave of 20..60 %."""
    d.wave(0.2, 0.6)
    _leak_evenly(d, 40, 600)


BENIGN_STACKS: dict[str, Callable[[StackDraft], None]] = {
    f.__name__: f
    for f in (
        in_flight, heavy_tailed, workers, pool, idle_connections, cache_entries, streams,
        cron_jobs, batches, stalls, queues, leaders, sessions, shards, resized_pool, slow_pool,
        staged_pool, redeployed_pool,
    )
}  # fmt: skip
LEAKING_STACKS: dict[str, Callable[[StackDraft], None]] = {
    f.__name__: f
    for f in (
        slow, fast, torrent, mixed, per_request, staircase, steps, sawtooth, bounded, error_path,
        step_after_deploy, mid_series, hidden_in_diurnal,
    )
}  # fmt: skip


def _draws(d: StackDraft, series: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(d.rng.random(len(series)), dtype=np.float64)


def _deploy_some(d: StackDraft) -> None:
    for series in np.flatnonzero(d.rng.random(d.n) < 0.1).tolist():
        d.restarts.append((series, float(d.rng.uniform(300, d.clock.length_seconds - 300))))


def _periodic(
    d: StackDraft,
    period: NDArray[np.float64],
    crew: NDArray[np.int64],
    spread: NDArray[np.float64],
    hold: NDArray[np.float64],
) -> None:
    moment = -PAST_SECONDS + period * d.rng.random(d.n)
    while (moment < d.clock.length_seconds).any():
        series = d.each(crew)
        begin = moment[series] + spread[series] * d.rng.random(len(series))
        over = moment + spread + hold
        d.live(series, begin, over[series] + 0.2 * hold[series] * d.rng.random(len(series)))
        moment = moment + period


def _even_moments(
    d: StackDraft, low: float, high: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    series = d.each(d.rng.poisson(d.log_uniform(low, high)))
    left = d.clock.length_seconds - d.onset
    return series, d.onset[series] + left[series] * d.rng.random(len(series))


def _leak_evenly(d: StackDraft, low: float, high: float) -> None:
    d.leak_from()
    d.leak(*_even_moments(d, low, high))


def _leak_in_bursts(
    d: StackDraft, low: float, high: float, bursts: tuple[int, int], length: float
) -> None:
    number = d.rng.integers(*bursts, d.n)
    left = d.clock.length_seconds - 400 - d.onset
    moments = d.onset + left * d.rng.random((bursts[1], d.n))
    moments[0] = d.onset
    series = d.each(d.rng.poisson(d.log_uniform(low, high)))
    which = (d.rng.random(len(series)) * number[series]).astype(np.int64)
    d.leak(series, moments[which, series] + length * d.rng.random(len(series)))
