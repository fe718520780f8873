"""Families of signatures to report on: nobody fits to these, or chooses rules by them.

They were written down before the scores that are reported on them were fitted, with other shapes
and ranges than the families to tune with: 0.01..6 requests a second under a wave of two harmonics
with random dips, holding 0.05..40 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from goleakprobe.simulate.goroutines import PAST_SECONDS
from goleakprobe.simulate.noise import autoregressive, column

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from goleakprobe.simulate.goroutines import StackDraft

__all__ = ["UNSEEN_BENIGN_STACKS", "UNSEEN_LEAKING_STACKS"]


def _other_traffic(d: StackDraft) -> None:
    turn = 2 * np.pi * (d.time / 86_400 + column(d.rng.random(d.n)))
    depth, second = column(d.uniform(0, 0.5)), column(d.uniform(0, 0.3))
    wobble = autoregressive(d.rng, len(d.time), d.log_uniform(60, 1800) / d.clock.step_seconds)
    dips = d.rng.random((len(d.time) // 40 + 1, d.n)) < 0.03
    dip = np.repeat(dips, 40, axis=0)[: len(d.time)]
    shape = 1 + depth * np.sin(turn) + second * np.sin(2 * turn + 1)
    shape *= np.exp(column(d.uniform(0, 0.2)) * wobble) * np.where(dip, 0.3, 1.0)
    d.arrivals = d.log_uniform(0.01, 6) * np.maximum(shape, 0.05)
    d.hold = d.log_uniform(0.05, 40)


def long_polls(d: StackDraft) -> None:
    """Polls answered after 5..200 s on average, at the latest after 20..290 s."""
    _other_traffic(d)
    series, begin = d.requests()
    limit, mean = d.log_uniform(20, 290), d.log_uniform(5, 200)
    hold = np.minimum(d.rng.exponential(mean[series]), limit[series])
    d.live(series, begin, begin + hold)


def convoys(d: StackDraft) -> None:
    """Every 3..20 minutes a lock is held for 5..90 s, and everybody waits for it."""
    _other_traffic(d)
    series, begin = d.requests()
    period, length = d.log_uniform(180, 1200)[series], d.log_uniform(5, 90)[series]
    end = begin + d.rng.exponential(d.hold[series])
    held = np.floor(end / period) * period
    d.live(series, begin, np.where(end < held + length, held + length, end))


def backoffs(d: StackDraft) -> None:
    """An outage of 2..12 minutes; whoever met it tries again after ever longer waits."""
    _other_traffic(d)
    series, begin = d.requests()
    start, length = d.moment(0.05, 0.85)[series], d.log_uniform(120, 720)[series]
    end = begin + d.rng.exponential(d.hold[series])
    waited = np.maximum(start + length - begin, 1)
    again = begin + 2.0 ** np.ceil(np.log2(waited)) * (0.8 + 0.4 * d.rng.random(len(begin)))
    met = (end > start) & (begin < start + length)
    d.live(series, begin, np.where(met, again, end))


def consumers(d: StackDraft) -> None:
    """4..200 partitions by 1..8 members: with each rebalance, every 20..120 minutes, all anew."""
    partitions, moment = d.integers(4, 200), -PAST_SECONDS * d.rng.random(d.n)
    while (moment < d.clock.length_seconds).any():
        stay = d.log_uniform(1200, 7200)
        share = np.ceil(partitions / d.rng.integers(1, 9, d.n)).astype(np.int64)
        series = d.each(share)
        begin = moment[series] + 10 * d.rng.random(len(series))
        d.live(series, begin, (moment + stay)[series])
        moment = moment + stay


def connection_pool(d: StackDraft) -> None:
    """Connections opened for bursts of 2..80 every 1..12 minutes, closed after 1..9 idle ones."""
    moment, gap, idle = np.full(d.n, -PAST_SECONDS), d.log_uniform(60, 720), d.log_uniform(60, 540)
    while (moment < d.clock.length_seconds).any():
        series = d.each(d.integers(2, 80))
        begin = moment[series] + 20 * d.rng.random(len(series))
        d.live(series, begin, begin + (idle * (0.9 + 0.3 * d.rng.random(d.n)))[series])
        moment = moment + d.rng.exponential(gap)


def uploads(d: StackDraft) -> None:
    """Uploads of 1..8 minutes, log-normal (0.8), more of them as the day begins."""
    _other_traffic(d)
    series, begin = d.requests()
    dawn = np.clip((begin - d.moment(-0.2, 0.4)[series]) / 3600, 0.2, 1)
    come = d.rng.random(len(begin)) < dawn
    median = d.log_uniform(60, 480)[series]
    hold = median * np.exp(0.8 * d.rng.standard_normal(len(begin)))
    d.live(series[come], begin[come], (begin + hold)[come])


def sweeps(d: StackDraft) -> None:
    """Entries come evenly, 4..300 of them, and are all swept away every 5..22 minutes."""
    period, phase = d.log_uniform(300, 1320), d.rng.random(d.n)
    rate = d.log_uniform(4, 300) / period
    number = d.rng.poisson(rate * (d.clock.length_seconds + PAST_SECONDS))
    series = d.each(number)
    span = d.clock.length_seconds + PAST_SECONDS
    begin = -PAST_SECONDS + span * d.rng.random(len(series))
    turn = np.floor(begin / period[series] + phase[series]) + 1
    d.live(series, begin, (turn - phase[series]) * period[series])


def stepwise_pool(d: StackDraft) -> None:
    """A pool of 4..250 workers that doubles two to four times in its first 5..15 minutes."""
    doublings, size = d.rng.integers(2, 5, d.n), d.integers(4, 250)
    began, length = np.where(d.rng.random(d.n) < 0.6, 0.0, d.moment(0, 0.5)), d.uniform(300, 900)
    series = d.each(size)
    place = (d.rng.random(len(series)) * 2.0 ** doublings[series]).astype(np.int64)
    stage = np.where(place == 0, 0, np.floor(np.log2(np.maximum(place, 1))) + 1)
    begin = (began[series] + length[series] * stage / doublings[series]) + d.rng.random(len(series))
    d.live(series, begin, np.full(len(series), np.inf))
    d.awake = d.rng.random(d.n) < 0.6


def starting_herd(d: StackDraft) -> None:
    """20..1500 come within 5..60 s of a start, and go with a mean of 1..9 minutes; a deploy."""
    _other_traffic(d)
    deploy = d.moment(0.2, 0.8)
    d.restarts += [(series, float(moment)) for series, moment in enumerate(deploy)]
    for moment in (np.zeros(d.n), deploy + 1):
        series = d.each(d.integers(20, 1500))
        begin = moment[series] + d.log_uniform(5, 60)[series] * d.rng.random(len(series))
        d.live(series, begin, begin + d.rng.exponential(d.log_uniform(60, 540)[series]))


def rolling_deploys(d: StackDraft) -> None:
    """Requests and 2..80 workers through one to four deploys."""
    _other_traffic(d)
    series = d.each(d.integers(2, 80))
    d.live(series, np.full(len(series), -PAST_SECONDS), np.full(len(series), np.inf))
    d.respawning.append((series, 20 * d.rng.random(len(series))))
    for number, count in enumerate(d.rng.integers(1, 5, d.n)):
        moments = d.rng.uniform(600, d.clock.length_seconds - 300, int(count))
        d.restarts += [(number, float(moment)) for moment in np.sort(moments)]


def _place(d: StackDraft, silent: float = 0.6) -> None:
    """Most leaks are at places where nothing healthy waits."""
    _other_traffic(d)
    d.silence_requests(silent)
    d.leak_from(0.0, 0.45, at_start=0.25)


def _evenly(
    d: StackDraft, per_second: NDArray[np.float64], until: float = np.inf
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    left = np.minimum(d.clock.length_seconds - d.onset, until)
    number = np.maximum((per_second * left).astype(np.int64), 1)
    series = d.each(number)
    place = np.arange(len(series)) - np.repeat(np.cumsum(number) - number, number)
    moments = (place + d.rng.random(len(series))) / np.repeat(per_second, number)
    return series, d.onset[series] + moments


def dripping(d: StackDraft) -> None:
    """One goroutine every 2..70 s, like a clock."""
    _place(d)
    d.leak(*_evenly(d, d.log_uniform(1 / 70, 0.5)))


def flooding(d: StackDraft) -> None:
    """1..6 goroutines a second."""
    _place(d)
    d.leak(*_evenly(d, d.log_uniform(1, 6)))


def accelerating(d: StackDraft) -> None:
    """80..3000 goroutines, ever faster: with the square of the time."""
    _place(d)
    series = d.each(d.integers(80, 3000))
    left = (d.clock.length_seconds - d.onset)[series]
    d.leak(series, d.onset[series] + left * np.sqrt(d.rng.random(len(series))))


def duty_cycle(d: StackDraft) -> None:
    """80..1500 goroutines leak in spells of 10..40 minutes with as long breaks between."""
    _place(d)
    series = d.each(d.integers(80, 1500))
    spell, left = d.log_uniform(600, 2400)[series], (d.clock.length_seconds - d.onset)[series]
    moment = left * d.rng.random(len(series))
    turn = np.floor(moment / (2 * spell))
    d.leak(series, d.onset[series] + turn * 2 * spell + (moment - turn * 2 * spell) / 2)


def busy_hours(d: StackDraft) -> None:
    """0.3..10 % of all requests leak, at least 60, under other traffic."""
    _other_traffic(d)
    d.leak_from(0.0, 0.45, at_start=0.25)
    series, begin = d.requests()
    after = begin > d.onset[series]
    expected = np.maximum(np.bincount(series[after], minlength=d.n), 1)
    share = np.maximum(d.log_uniform(0.003, 0.1), np.minimum(60 / expected, 1))
    left = after & (d.rng.random(len(begin)) < share[series])
    d.live(series[~left], begin[~left], (begin + d.rng.exponential(d.hold[series]))[~left])
    d.leak(series[left], begin[left])


def partial(d: StackDraft) -> None:
    """100..1500 goroutines leak evenly; 10..40 % of them leave after 30..120 minutes."""
    _place(d)
    series = d.each(d.integers(100, 1500))
    left = (d.clock.length_seconds - d.onset)[series]
    begin = d.onset[series] + left * d.rng.random(len(series))
    leaves = d.rng.random(len(series)) < d.uniform(0.1, 0.4)[series]
    d.leak(series[~leaves], begin[~leaves])
    stay = 1800 + 5400 * d.rng.random(len(series))
    d.live(series[leaves], begin[leaves], (begin + stay)[leaves])


def crash_loop(d: StackDraft) -> None:
    """40..2000 goroutines a life leak, and every 25..60 minutes the process ends for it."""
    _place(d)
    life = d.log_uniform(1500, 3600)
    d.leak(*_evenly(d, d.log_uniform(40, 2000) / life))
    for series in range(d.n):
        first = d.onset[series] + life[series] * (0.5 + d.rng.random())
        moments = np.arange(first, d.clock.length_seconds - 300, life[series])
        d.restarts += [(series, float(moment)) for moment in moments]


def capped(d: StackDraft) -> None:
    """60..800 goroutines leak evenly over 40..110 minutes, then a limit holds."""
    _place(d)
    until = d.uniform(2400, 6600)
    series = d.each(d.integers(60, 800))
    d.leak(series, d.onset[series] + until[series] * d.rng.random(len(series)))


def clumps(d: StackDraft) -> None:
    """20..80 clumps of 2..25 goroutines leak at random moments."""
    _place(d)
    number, size = d.rng.integers(20, 81, d.n), d.rng.integers(2, 26, d.n)
    clump = d.each(number)
    left = (d.clock.length_seconds - d.onset)[clump]
    moments = d.onset[clump] + left * d.rng.random(len(clump))
    first = np.cumsum(number) - number
    moments[first] = d.onset
    repeats = size[clump]
    series, begin = np.repeat(clump, repeats), np.repeat(moments, repeats)
    d.leak(series, begin + 2 * d.rng.random(len(series)))


def bad_deploy(d: StackDraft) -> None:
    """A deploy, and from then on one goroutine every 1..60 s."""
    _other_traffic(d)
    d.silence_requests(0.6)
    d.leak_from(0.1, 0.5, at_start=0.0)
    d.restarts += [(series, float(onset - 5)) for series, onset in enumerate(d.onset)]
    d.leak(*_evenly(d, d.log_uniform(1 / 60, 1)))


UNSEEN_BENIGN_STACKS: dict[str, Callable[[StackDraft], None]] = {
    f.__name__: f
    for f in (
        long_polls, convoys, backoffs, consumers, connection_pool, uploads, sweeps,
        stepwise_pool, starting_herd, rolling_deploys,
    )
}  # fmt: skip
UNSEEN_LEAKING_STACKS: dict[str, Callable[[StackDraft], None]] = {
    f.__name__: f
    for f in (
        dripping, flooding, accelerating, duty_cycle, busy_hours, partial, crash_loop, capped,
        clumps, bad_deploy,
    )
}  # fmt: skip
