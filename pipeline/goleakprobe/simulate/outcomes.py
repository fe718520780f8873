"""What detectors say of labelled series, and the figures that sum it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from goleakprobe_agents.detection.protocol import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from goleakprobe.simulate.series import SimulatedSeries
    from goleakprobe_agents.detection import Detector, Verdicts

__all__ = ["Figures", "Judge", "Outcome", "area_under_curve", "judged", "outcome", "summarise"]


class Judge(Protocol):
    """Anything that scores a whole batch, step by step."""

    def __call__(self, series: SimulatedSeries) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Scores and alarms, steps x series; NaN where there is no score yet."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One figure per series of one family."""

    family: str
    leaking: bool
    score: NDArray[np.float64]
    """Highest score, of a leaking series from its onset on."""
    alarmed: NDArray[np.bool_]
    """Any alarm, of a leaking series from its onset on."""
    delay_seconds: NDArray[np.float64]
    """From onset to the first alarm; NaN without one or for benign series."""
    early: NDArray[np.bool_]
    """An alarm before the onset."""
    per_second: NDArray[np.float64]
    """How fast a leaking series leaks on average from its onset to its first restart or end."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums over outcomes; shares are between 0 and 1."""

    benign: int
    leaking: int
    false_positive_rate: float
    false_negative_rate: float
    area_under_curve: float
    early_rate: float
    median_delay_seconds: float
    """Of the leaking series that alarmed."""


def judged(
    bank: Detector, series: SimulatedSeries
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Feed a fresh bank one sample of every series at a time."""
    steps, n = series.count.shape
    bank.resize(n)
    bank.reset(np.arange(n))
    scores = np.full((steps, n), np.nan)
    alarms = np.zeros((steps, n), dtype=np.bool_)
    starts = np.zeros(n, dtype=np.int64)
    rows = np.arange(n)
    for step in range(steps):
        now = round(step * series.clock.step_seconds * SECOND_NS) + 10 * SECOND_NS
        starts = np.where(series.restart[step], now, starts)
        verdicts: Verdicts = bank.update(
            rows,
            np.full(n, now, dtype=np.int64),
            series.count[step].astype(np.float64),
            rate=None if series.rate is None else series.rate[step],
            aged=None if series.aged is None else series.aged[step].astype(np.float64),
            process_start_ns=starts,
        )
        scores[step] = verdicts.score
        alarms[step] = verdicts.alarm
    return scores, alarms


def outcome(
    series: SimulatedSeries, scores: NDArray[np.float64], alarms: NDArray[np.bool_]
) -> Outcome:
    """Reduce the verdicts on a batch to one figure of each kind per series."""
    steps, n = series.count.shape
    time = (np.arange(steps) * series.clock.step_seconds)[:, None]
    onset = np.where(np.isnan(series.onset_seconds), 0.0, series.onset_seconds)
    after = time >= onset
    best = np.where(after & ~np.isnan(scores), scores, -np.inf).max(axis=0)
    hits = alarms & after
    first = np.where(hits.any(axis=0), time[hits.argmax(axis=0), 0], np.nan)
    delay = first - onset if series.leaking else np.full(n, np.nan)
    return Outcome(
        family=series.family,
        leaking=series.leaking,
        score=best,
        alarmed=np.asarray(hits.any(axis=0), dtype=np.bool_),
        delay_seconds=delay,
        early=np.asarray((alarms & ~after).any(axis=0), dtype=np.bool_),
        per_second=_speed(series, onset),
    )


def area_under_curve(benign: NDArray[np.float64], leaking: NDArray[np.float64]) -> float:
    """Probability that a leaking series scores above a benign one; ties count half."""
    if not len(benign) or not len(leaking):
        return float("nan")
    ordered = np.sort(benign)
    below = np.searchsorted(ordered, leaking, side="left")
    ties = np.searchsorted(ordered, leaking, side="right") - below
    return float((below + ties / 2).mean() / len(benign))


def summarise(outcomes: Sequence[Outcome]) -> Figures:
    """Figures over families; NaN where there is nothing to tell."""
    good = [o for o in outcomes if not o.leaking]
    bad = [o for o in outcomes if o.leaking]
    delays = _joined([o.delay_seconds for o in bad])
    caught = delays[~np.isnan(delays)]
    return Figures(
        benign=sum(len(o.score) for o in good),
        leaking=sum(len(o.score) for o in bad),
        false_positive_rate=_mean(_joined([o.alarmed for o in good])),
        false_negative_rate=1 - _mean(_joined([o.alarmed for o in bad])),
        area_under_curve=area_under_curve(
            _joined([o.score for o in good]), _joined([o.score for o in bad])
        ),
        early_rate=_mean(_joined([o.early for o in bad])),
        median_delay_seconds=float(np.median(caught)) if len(caught) else float("nan"),
    )


def _speed(series: SimulatedSeries, onset: NDArray[np.float64]) -> NDArray[np.float64]:
    step = series.clock.step_seconds
    last = len(series.count) - 1
    first = np.minimum(np.ceil(onset / step).astype(np.int64), last)
    later = series.restart & (np.arange(last + 1)[:, None] > first)
    end = np.where(later.any(axis=0), later.argmax(axis=0) - 1, last)
    each = np.arange(series.count.shape[1])
    grown = series.count[end, each] - series.count[first, each]
    return np.asarray(grown / np.maximum((end - first) * step, step), dtype=np.float64)


def _joined(parts: list[NDArray[np.float64]] | list[NDArray[np.bool_]]) -> NDArray[np.float64]:
    return np.concatenate([np.asarray(p, dtype=np.float64) for p in parts] or [np.zeros(0)])


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")
