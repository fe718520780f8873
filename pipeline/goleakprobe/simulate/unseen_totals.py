"""Families of totals to report on: nobody fits to these, or chooses rules by them.

They were written down before the scores that are reported on them were fitted, with other shapes
and ranges than the families to tune with: sizes of 25..8000 and traffic under a wave of two
harmonics with noise of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from goleakprobe.simulate.noise import autoregressive, column, log_uniform, lowpass

if TYPE_CHECKING:
    from collections.abc import Callable

    from goleakprobe.simulate.processes import TotalDraft

__all__ = ["UNSEEN_BENIGN_TOTALS", "UNSEEN_LEAKING_TOTALS"]


def _other_ground(d: TotalDraft) -> None:
    d.size = log_uniform(d.rng, 25, 8000, d.n)
    turn = 2 * np.pi * (d.time / 86_400 + d.uniform(0, 1))
    d.traffic *= 1 + d.uniform(0, 0.4) * np.sin(turn) + d.uniform(0, 0.2) * np.sin(2 * turn + 1)
    memory = d.log_uniform(60, 1800)[0] / d.clock.step_seconds
    d.traffic *= np.exp(d.uniform(0, 0.15) * autoregressive(d.rng, d.clock.steps, memory))


def weekday(d: TotalDraft) -> None:
    """The wave and the noise of the traffic, nothing else."""
    _other_ground(d)


def flash_sale(d: TotalDraft) -> None:
    """Traffic jumps to 2..7 times within 5..60 s for 10..60 minutes, once or twice."""
    _other_ground(d)
    for low, high in ((0.05, 0.4), (0.5, 0.8)):
        start, width, hold = d.moment(low, high), d.log_uniform(5, 60), d.log_uniform(600, 3600)
        on = np.clip((d.time - start) / width, 0, 1)
        off = np.clip((d.time - start - hold) / (4 * width), 0, 1)
        d.traffic *= 1 + d.log_uniform(1, 6) * (on - off)


def consumers(d: TotalDraft) -> None:
    """0.03..0.3 sizes of partitions, shared by 1..8 members anew every 20..120 minutes."""
    _other_ground(d)
    whole, period = d.log_uniform(0.03, 0.3) * d.size, d.log_uniform(1200, 7200)
    number = np.floor(d.time / period + d.uniform(0, 1)).astype(np.int64)
    for turn in range(int(number.max()) + 1):
        share = whole / d.rng.integers(1, 9, d.n)
        d.extra += np.where(number == turn, share, 0.0)


def convoys(d: TotalDraft) -> None:
    """Every 3..20 minutes 0.2..2 sizes wait for a lock for 5..60 s."""
    _other_ground(d)
    period, length = d.log_uniform(180, 1200), d.log_uniform(5, 60)
    phase = np.mod(d.time + d.uniform(0, 1) * period, period)
    d.extra += d.log_uniform(0.2, 2) * d.size * np.clip(phase / length, 0, 1) * (phase < length)


def backoffs(d: TotalDraft) -> None:
    """An outage of 2..12 minutes piles up 0.2..3 sizes, which go with a constant of 2..10."""
    _other_ground(d)
    start, length = d.moment(0.05, 0.8), d.log_uniform(120, 720)
    pile = np.clip((d.time - start) / length, 0, 1)
    gone = np.exp(-np.maximum(d.time - start - length, 0) / d.log_uniform(120, 600))
    d.extra += d.log_uniform(0.2, 3) * d.size * pile * gone


def sweeps(d: TotalDraft) -> None:
    """0.1..0.7 sizes of entries come evenly and are swept away every 5..25 minutes."""
    _other_ground(d)
    period = d.log_uniform(300, 1500)
    d.extra += d.log_uniform(0.1, 0.7) * d.size * np.mod(d.time / period + d.uniform(0, 1), 1)


def stepwise_pool(d: TotalDraft) -> None:
    """A pool doubles two to four times in its first 5..15 minutes, to 0.2..1.5 sizes."""
    _other_ground(d)
    stages, length = column(d.rng.integers(2, 5, d.n)), d.uniform(300, 900)
    stage = np.clip(np.floor(d.time * stages / length), 0, stages)
    d.extra += d.log_uniform(0.2, 1.5) * d.size * 2.0 ** (stage - stages)


def rolling_deploys(d: TotalDraft) -> None:
    """One to four deploys under the wave."""
    _other_ground(d)
    for series, count in enumerate(d.rng.integers(1, 5, d.n)):
        moments = d.rng.uniform(600, d.clock.length_seconds - 300, int(count))
        d.restarts += [(series, float(moment)) for moment in moments]


def uploads(d: TotalDraft) -> None:
    """0.2..1 sizes of long requests follow the traffic 1..6 minutes late."""
    _other_ground(d)
    late = d.log_uniform(60, 360)[0] / d.clock.step_seconds
    d.extra += d.log_uniform(0.2, 1) * d.size * lowpass(d.traffic, late)


def draining(d: TotalDraft) -> None:
    """Traffic leaves for another region over 10..60 minutes, and comes back later for half."""
    _other_ground(d)
    start, width = d.moment(0.05, 0.4), d.log_uniform(600, 3600)
    gone = np.clip((d.time - start) / width, 0, 1)
    back = np.clip((d.time - start - width - d.uniform(600, 5400)) / width, 0, 1)
    d.traffic *= 1 - d.uniform(0.3, 0.85) * (gone - np.where(d.uniform(0, 1) < 0.5, back, 0))


def _from(d: TotalDraft) -> None:
    _other_ground(d)
    d.leak_from(0.0, 0.45, at_start=0.25)


def dripping(d: TotalDraft) -> None:
    """An even leak of 0.35..2.5 sizes."""
    _from(d)
    d.leak(0.35, 2.5, d.progress)


def flooding(d: TotalDraft) -> None:
    """1..8 goroutines a second, at least 0.5 sizes in all."""
    _from(d)
    rate = d.log_uniform(1, 8)
    rate = np.maximum(rate, 0.5 * d.size / (d.clock.length_seconds - d.onset))
    d.extra += np.round(rate * d.since)


def accelerating(d: TotalDraft) -> None:
    """0.5..5 sizes with the square of the time."""
    _from(d)
    d.leak(0.5, 5, d.progress**2)


def duty_cycle(d: TotalDraft) -> None:
    """0.5..4 sizes in spells of 10..40 minutes with as long breaks between."""
    _from(d)
    spell = d.log_uniform(600, 2400)
    turn = np.floor(d.since / (2 * spell))
    served = turn * spell + np.minimum(d.since - turn * 2 * spell, spell)
    d.leak(0.5, 4, served / served[-1])


def busy_hours(d: TotalDraft) -> None:
    """0.4..5 sizes in proportion to the square of the traffic."""
    _from(d)
    served = np.cumsum(d.traffic**2 * (d.time >= d.onset), axis=0)
    d.leak(0.4, 5, served / served[-1])


def partial(d: TotalDraft) -> None:
    """0.6..5 sizes leak evenly, of which 10..35 % leave again after 40..100 minutes."""
    _from(d)
    after = np.maximum(d.since - d.uniform(2400, 6000), 0) / (d.clock.length_seconds - d.onset)
    d.leak(0.6, 5, d.progress - d.uniform(0.1, 0.35) * after)


def crash_loop(d: TotalDraft) -> None:
    """0.5..4 sizes a life, which ends every 25..80 minutes."""
    _from(d)
    life, grown = d.log_uniform(1500, 4800)[0], d.log_uniform(0.5, 4)[0] * d.size
    for series in range(d.n):
        first = d.onset[series] + life[series] * (0.5 + d.rng.random())
        moments = np.arange(first, d.clock.length_seconds - 300, life[series])
        begun = np.concatenate([[d.onset[series]], moments])
        d.restarts += [(series, float(moment)) for moment in moments]
        newest = np.searchsorted(begun, d.time[:, 0], side="right") - 1
        age = np.where(newest < 0, 0.0, d.time[:, 0] - begun[np.maximum(newest, 0)])
        d.extra[:, series] += np.round(grown[series] / life[series] * age)


def capped(d: TotalDraft) -> None:
    """0.5..3 sizes leak evenly over 50..120 minutes, then a limit holds."""
    _from(d)
    d.leak(0.5, 3, np.minimum(d.since / d.uniform(3000, 7200), 1))


def clumps(d: TotalDraft) -> None:
    """20..80 clumps at random moments, 0.4..4 sizes in all."""
    _from(d)
    number = d.rng.integers(20, 81, d.n)
    shape = np.zeros_like(d.extra)
    for clump in range(80):
        late = 0.0 if clump == 0 else d.rng.random(d.n)
        moment = d.onset + late * (d.clock.length_seconds - 60 - d.onset)
        shape += np.where(clump < number, 1.0 / number, 0.0) * (d.time >= moment)
    d.leak(0.4, 4, shape)


def bad_deploy(d: TotalDraft) -> None:
    """A deploy, and from then on an even leak of 0.4..4 sizes."""
    _other_ground(d)
    d.leak_from(0.1, 0.5, at_start=0.0)
    d.restarts += [(series, float(onset - 5)) for series, onset in enumerate(d.onset)]
    d.leak(0.4, 4, d.progress)


UNSEEN_BENIGN_TOTALS: dict[str, Callable[[TotalDraft], None]] = {
    f.__name__: f
    for f in (
        weekday, flash_sale, consumers, convoys, backoffs, sweeps, stepwise_pool,
        rolling_deploys, uploads, draining,
    )
}  # fmt: skip
UNSEEN_LEAKING_TOTALS: dict[str, Callable[[TotalDraft], None]] = {
    f.__name__: f
    for f in (
        dripping, flooding, accelerating, duty_cycle, busy_hours, partial, crash_loop, capped,
        clumps, bad_deploy,
    )
}  # fmt: skip
