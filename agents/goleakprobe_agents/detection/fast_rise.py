"""The fast path: a place that suddenly fills by about a goroutine a second and empties never.

It judges the newest 24 points of a row, a point being the least count of ten seconds, or a single
sample where they come less often: four minutes of frequent scrapes, 24 of one a minute. Nothing
can have aged in so short a time. So it asks for more than growth: the rise is straight, its place
is one that hardly anybody was seen to leave, and it was calm before. Where that is not known, the
rise has to last longer if the start of the process is, or to be a flood, or (``unbroken``) to go on
for minutes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from goleakprobe_agents.detection.protocol import (
    NEVER_NS,
    SECOND_NS,
    Samples,
    Verdicts,
    accept,
    known_or,
    restarted,
)
from goleakprobe_agents.detection.row_store import Field, RowStore, StoredBank
from goleakprobe_agents.detection.straight_rise import StraightRise, straight_rise
from goleakprobe_agents.detection.trend import settled_centre

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PASSING_TURNOVER", "FastRise"]

PASSING_TURNOVER = 0.06
"""A place of whose goroutines more than this share ended between two dumps holds none of them."""

_POINTS = 24
_POINT_NS = 10 * SECOND_NS
_TICK_NS = SECOND_NS // 10
_GAP = 4.0
"""A silence of so many usual distances between samples ends what was seen before."""
_CALM_PARTS = 8
_CALM_NS = 90 * SECOND_NS
_CALM_SECONDS = 270.0
_NO_PART = -(2**40)
_MEMORY_SECONDS = 3600.0

_CHURN = 0.0125
"""A place that more than this share of arrivals was seen to leave is not judged fast."""
_GROWTH = 100.0
_PER_SECOND = 0.95
_LEAST_SECONDS = 70.0
_SETTLING_SECONDS = 200.0
_DRAWDOWN = 0.25
_SLOPE_ERRORS = 6.0
_GROWTH_NOISES = 8.0
_FREQUENT_SECONDS = 20.0
_LEAST_POINTS = (7.0, 5.0)
"""Of points closer than `_FREQUENT_SECONDS`, and of others."""
_YOUNG_SECONDS = 90.0
"""How long a rise has to last that began with its process: start-ups are fast, but soon over."""
_FLOOD_PER_SECOND, _FLOOD_SECONDS = 4.0, 100.0
"""What no start-up does for so long, so that nothing need be known of the time before."""
_UNBROKEN_PER_SECOND, _UNBROKEN_SECONDS = 0.25, 180.0
_UNBROKEN_POINTS, _UNBROKEN_GROWTH = (12.0, 8.0), 50.0
_STEEPNESS = 8.0
"""Power of the margin, so that what falls well short of the rule scores next to nothing."""
_LARGEST_MARGIN = 1.03
"""Enough for an alarm, and no more: a slower rise that has aged is surer than any fast one."""
_STILL_FAST = 0.05
"""A fast rise stays one until its score is below this."""
_FIGURES = ("score", "per_hour", "per_hour_low", "per_hour_high", "growth", "level", "elapsed")
_NO_RISE = np.array([0.0] + [math.nan] * (len(_FIGURES) - 1), dtype=np.float32)


class FastRise(StoredBank):
    """A bank of short memories. Channel used: ``process_start_ns``.

    The score reaches its threshold, 1, where every rule is just met, by the weakest of them.
    Reasons: ``per_hour`` with ``per_hour_low`` and ``per_hour_high`` (goroutines, about 95 %),
    ``growth`` and ``level``, ``onset_ns`` (int64, 0 unknown), ``scale_seconds`` (between points).

    >>> import numpy as np
    >>> bank = FastRise()
    >>> bank.resize(2)
    >>> both = np.array([0, 1])
    >>> for second in range(0, 1320, 15):
    ...     counts = np.array([40.0, 3.0 + 2 * max(second - 1200, 0)])
    ...     verdicts = bank.update(both, np.full(2, second * 10**9), counts)
    >>> verdicts.alarm.tolist(), round(float(verdicts.reasons["per_hour"][1]))
    ([False, True], 7200)
    """

    def __init__(self, *, unbroken: bool = False) -> None:
        """``unbroken``: take a rise that lasts for one, whatever came before it.

        That is for live processes, some of which tell no start. A series cut out of somewhere may
        begin in a rise.
        """
        self._unbroken = unbroken
        store = RowStore(
            f"fast rise 3 unbroken={unbroken}",
            [
                Field("newest_ns", "<i8", (), NEVER_NS),
                Field("start_ns", "<i8"),
                Field("base_ns", "<i8", (), NEVER_NS),
                Field("spacing", "<f4", (), math.nan),
                Field("closed", "<i8"),
                Field("floors", "<f4", (_POINTS,), math.nan),
                Field("ticks", "<i4", (_POINTS,)),
                Field("opened", "<i4", (), -1),
                Field("least", "<f4", (), math.inf),
                Field("calm_part", "<i8", (), _NO_PART),
                Field("calm", "<f4", (_CALM_PARTS,), math.nan),
                Field("most", "<f4", (), -math.inf),
                Field("ceiling", "<f4", (), math.nan),
                Field("risen", "<f4"),
                Field("fallen", "<f4"),
                Field("turnover", "<f4"),
                Field("held", "?"),
                Field("judged_ns", "<i8"),
                Field("figures", "<f4", (len(_FIGURES),), math.nan),
            ],
        )
        super().__init__(store)

    def note_turnover(self, rows: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
        """Take the share of these rows' goroutines that ended between two looks at their ids.

        Counts show no departures while more come than go: sessions that begin anew after a restart
        rise like a leak for as long as the shortest of them last. It holds until the next look.
        """
        self._store["turnover"][rows] = shares

    def update(
        self,
        rows: NDArray[np.int64],
        times_ns: NDArray[np.int64],
        values: NDArray[np.float64],
        *,
        rate: NDArray[np.float64] | None = None,
        aged: NDArray[np.float64] | None = None,
        process_start_ns: NDArray[np.int64] | None = None,
    ) -> Verdicts:
        """One sample per row; verdicts change when a point is complete."""
        fresh = accept(rows, times_ns, values, self._store["newest_ns"])
        if process_start_ns is not None:
            self._restart(fresh, process_start_ns[fresh.at])
        self._forget_before_gaps(fresh)
        self._close(fresh)
        self._follow_calm(fresh)
        self._take(fresh)
        return self._answer(rows)

    def _restart(self, fresh: Samples, starts: NDArray[np.int64]) -> None:
        store, rows = self._store, fresh.rows
        known = store["start_ns"][rows]
        begun = store["newest_ns"][rows] != NEVER_NS
        moved = restarted(known, starts, store["newest_ns"][rows]) & begun
        store["start_ns"][rows] = np.where((starts != 0) & (moved | (known == 0)), starts, known)
        self._empty(rows[moved])

    def _empty(self, rows: NDArray[np.int64]) -> None:
        """Forget the points, and what the place was like, but not how often it is looked at."""
        if not len(rows):
            return
        for field in self._store.fields:
            if field.name not in ("newest_ns", "start_ns", "spacing", "risen", "fallen"):
                self._store[field.name][rows] = field.blank

    def _forget_before_gaps(self, fresh: Samples) -> None:
        store, rows = self._store, fresh.rows
        passed = np.minimum(fresh.times_ns - store["newest_ns"][rows], 10**15) / SECOND_NS
        spacing = store["spacing"][rows]
        silent = passed > _GAP * np.maximum(spacing, 10.0)
        self._empty(rows[silent])
        # The first distance is taken as it is; of a row's first sample there is none.
        first = store["newest_ns"][rows] == NEVER_NS
        usual = np.where(np.isnan(spacing), passed, spacing + (passed - spacing) / 4)
        store["spacing"][rows] = np.where(first, np.float32(math.nan), usual.astype(np.float32))
        new = store["base_ns"][rows] == NEVER_NS
        store["base_ns"][rows[new]] = fresh.times_ns[new]

    def _close(self, fresh: Samples) -> None:
        """Complete the points that are ten seconds old, and judge those rows anew."""
        store = self._store
        # After 6 years in one ring, ticks stay at their largest and the row is never fast again.
        ticks = np.minimum((fresh.times_ns - store["base_ns"][fresh.rows]) // _TICK_NS, 2**31 - 1)
        opened = store["opened"][fresh.rows]
        done = (opened >= 0) & (ticks - opened >= _POINT_NS // _TICK_NS)
        rows = fresh.rows[done]
        slot = store["closed"][rows] % _POINTS
        store["floors"][rows, slot] = store["least"][rows]
        store["ticks"][rows, slot] = opened[done]
        store["closed"][rows] += 1
        store["least"][rows] = math.inf
        self._follow_departures(rows)
        begun = done | (opened < 0)
        store["opened"][fresh.rows[begun]] = ticks[begun]
        self._judge(rows, fresh.times_ns[done])

    def _follow_departures(self, rows: NDArray[np.int64]) -> None:
        """Add up by how much the highest counts of completed points rise and fall.

        Goroutines that run as they are looked at wait elsewhere, or nowhere, for that scrape; those
        of a point's highest count were there.
        """
        store = self._store
        move = known_or(0.0, store["most"][rows] - store["ceiling"][rows])
        store["risen"][rows] += np.maximum(move, 0)
        store["fallen"][rows] += np.maximum(-move, 0)
        store["ceiling"][rows] = store["most"][rows]
        store["most"][rows] = -math.inf

    def _follow_calm(self, fresh: Samples) -> None:
        """Keep the least counts of the last twelve minutes in eight parts."""
        store, rows = self._store, fresh.rows
        part = fresh.times_ns // _CALM_NS
        passed = np.minimum(part - store["calm_part"][rows], _CALM_PARTS)
        moved = np.flatnonzero(passed > 0)
        if len(moved):
            back = (part[moved, None] - np.arange(_CALM_PARTS)) % _CALM_PARTS
            ring = store["calm"][rows[moved]]
            each, stale = np.nonzero(np.arange(_CALM_PARTS) < passed[moved, None])
            ring[each, back[each, stale]] = math.nan
            store["calm"][rows[moved]] = ring
            store["calm_part"][rows] = part
        place = part % _CALM_PARTS
        counts = fresh.values.astype(np.float32)
        store["calm"][rows, place] = np.fmin(store["calm"][rows, place], counts)

    def _take(self, fresh: Samples) -> None:
        store, rows = self._store, fresh.rows
        passed = np.minimum(fresh.times_ns - store["newest_ns"][rows], 10**15) / SECOND_NS
        kept = (1.0 / (1.0 + passed / _MEMORY_SECONDS)).astype(np.float32)
        store["newest_ns"][rows] = fresh.times_ns
        counts = fresh.values.astype(np.float32)
        store["least"][rows] = np.minimum(store["least"][rows], counts)
        store["most"][rows] = np.maximum(store["most"][rows], counts)
        store["risen"][rows] *= kept
        store["fallen"][rows] *= kept

    def _judge(self, rows: NDArray[np.int64], now: NDArray[np.int64]) -> None:
        store = self._store
        if not len(rows):
            return
        store["figures"][rows] = _NO_RISE
        store["judged_ns"][rows] = now
        # A closer look costs; most places do not rise, or have been seen to be left.
        churn = np.maximum(store["fallen"][rows] - 1.0, 0) / np.maximum(store["risen"][rows], 1)
        newest = store["floors"][rows, (store["closed"][rows] - 1) % _POINTS]
        rising = newest - np.fmin.reduce(store["floors"][rows], axis=1) >= _UNBROKEN_GROWTH / 2
        stays = (churn <= _CHURN) & (store["turnover"][rows] <= PASSING_TURNOVER)
        telling = rising & stays & (store["closed"][rows] >= _LEAST_POINTS[1])
        store["held"][rows[~telling]] = False
        rows = rows[telling]
        if not len(rows):
            return
        order = (store["closed"][rows, None] + np.arange(_POINTS)) % _POINTS
        floors = store["floors"][rows[:, None], order].astype(np.float64)
        seconds = store["ticks"][rows[:, None], order] * (_TICK_NS / SECOND_NS)
        rise = straight_rise(seconds, floors)
        calm = self._calm(rows, rise, now[telling])
        young = store["start_ns"][rows] != 0
        score = _score(rise, calm, young, unbroken=self._unbroken)
        store["held"][rows] = (store["held"][rows] & (score >= _STILL_FAST)) | (score >= 1.0)
        columns = [
            score,
            rise.slope * 3600,
            (rise.slope - 2 * rise.slope_error) * 3600,
            (rise.slope + 2 * rise.slope_error) * 3600,
            rise.growth,
            rise.level,
            rise.elapsed,
        ]
        store["figures"][rows] = np.stack(columns, axis=1)

    def _calm(
        self, rows: NDArray[np.int64], rise: StraightRise, now: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether the rise is a new one.

        Known if the counts before the rise were about the level it rises from for five minutes,
        or if it was new when it first alarmed.
        """
        store = self._store
        calm = np.asarray(store["held"][rows] | (rise.calm >= _CALM_SECONDS), dtype=np.bool_)
        part = now // _CALM_NS
        since = np.ceil(rise.elapsed * SECOND_NS / _CALM_NS).astype(np.int64)
        back = np.arange(_CALM_PARTS)
        places = (part[:, None] - back) % _CALM_PARTS
        before = np.take_along_axis(store["calm"][rows], places, axis=1).astype(np.float64)
        before = np.where(back > since[:, None], before, np.nan)
        known = ~np.isnan(before)
        reach = np.where(known, back, 0).max(axis=1) - since
        lowest = np.fmin.reduce(np.where(known, before, np.inf), axis=1)
        flat = rise.level - lowest <= 0.3 * rise.growth
        return calm | np.asarray(flat & (reach >= 3), dtype=np.bool_)

    def _answer(self, rows: NDArray[np.int64]) -> Verdicts:
        figures = self._store["figures"][rows].astype(np.float64)
        named = {name: figures[:, i].copy() for i, name in enumerate(_FIGURES)}
        score, elapsed = named.pop("score"), known_or(0.0, named.pop("elapsed"))
        reasons: dict[str, NDArray[Any]] = dict(named)
        judged = self._store["judged_ns"][rows]
        onset = judged - np.asarray(elapsed * SECOND_NS, dtype=np.int64)
        reasons["onset_ns"] = np.where(reasons["growth"] > 0, onset, 0)
        spacing = self._store["spacing"][rows].astype(np.float64)
        reasons["scale_seconds"] = np.maximum(known_or(0.0, spacing), _POINT_NS / SECOND_NS)
        with np.errstate(invalid="ignore"):
            alarm = score >= 1.0
        return Verdicts(score, np.ones(len(rows)), alarm, reasons)


def _score(
    rise: StraightRise, calm: NDArray[np.bool_], young: NDArray[np.bool_], *, unbroken: bool
) -> NDArray[np.float64]:
    """The best of the rules; each is met where the least of its margins is 1.

    ``young`` says that the start of the process is known: it is watched from its beginning.
    """
    straight = [
        np.maximum(
            rise.slope / np.maximum(rise.slope_error, 1e-9) / _SLOPE_ERRORS,
            rise.growth / rise.noise / _GROWTH_NOISES,
        ),
        rise.centre / settled_centre(rise.elapsed / _SETTLING_SECONDS),
        np.clip(3.0 - 2.0 * rise.drawdown / _DRAWDOWN, 0.0, 3.0),
    ]
    frequent = rise.elapsed < _FREQUENT_SECONDS * (rise.points - 1)
    points = rise.points / np.where(frequent, *_LEAST_POINTS)
    fast = [rise.growth / _GROWTH, rise.slope / _PER_SECOND, points]
    new = [*fast, rise.elapsed / _LEAST_SECONDS, np.where(calm, np.inf, 0.0)]
    started = [*fast, rise.elapsed / _YOUNG_SECONDS, np.where(young, np.inf, 0.0)]
    flood = [*fast, rise.slope / _FLOOD_PER_SECOND, rise.elapsed / _FLOOD_SECONDS]
    rules = [[*straight, *new], [*straight, *started], [*straight, *flood]]
    if unbroken:
        lasting = [
            rise.growth / _UNBROKEN_GROWTH,
            rise.slope / _UNBROKEN_PER_SECOND,
            rise.elapsed / _UNBROKEN_SECONDS,
            rise.points / np.where(frequent, *_UNBROKEN_POINTS),
        ]
        rules.append([*straight, *lasting])
    margins = np.maximum.reduce([np.minimum.reduce(rule) for rule in rules])
    return np.asarray(np.clip(margins, 0.0, _LARGEST_MARGIN) ** _STEEPNESS, dtype=np.float64)
