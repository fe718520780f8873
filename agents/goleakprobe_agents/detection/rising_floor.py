"""The rising floor: whether the least number of goroutines per bucket of time keeps going up.

Traffic moves the ceiling of a count, a leak lifts its floor. The bank keeps the minima of buckets
at several time scales, 24 buckets each: 1.5, 4 and 12 minutes, so 36 minutes to nearly five hours
of memory. When a bucket closes, its scale's floors are described (`trend`) and scored
(`leak_score`); a row's score is that of the scale that shows a leak best. Of totals, which are
noisier, means of about the last minute stand for the counts.

Buckets are aligned to the epoch of the times given, a bucket is judged by the first sample after
its end, and a bucket without samples stays empty; so scrapes may come at any distance, and a gap
costs evidence but makes none.

A new process (``process_start_ns`` changes by more than two seconds; for totals of unknown start:
the count falls below half of every floor there was) empties the scales and remembers what the
incarnation before had grown by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from goleakprobe_agents.detection.leak_odds import LEAST_GROWTH, Rise
from goleakprobe_agents.detection.protocol import (
    NEVER_NS,
    SECOND_NS,
    Samples,
    Verdicts,
    accept,
    known_or,
    restarted,
)
from goleakprobe_agents.detection.rise_features import (
    Circumstances,
    rise_features,
)
from goleakprobe_agents.detection.row_store import Field, RowStore, StoredBank
from goleakprobe_agents.detection.stay_features import stay_features
from goleakprobe_agents.detection.survival import AGED_SECONDS
from goleakprobe_agents.detection.trend import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from goleakprobe_agents.detection.trend import Trend

__all__ = ["LONG_SCALES", "RisingFloor", "RisingFloorParameters"]

LONG_SCALES = (90.0, 240.0, 720.0)

BUCKETS = 24
_CHUNK_ROWS = 1024
_MEMORY_SECONDS = 3600.0
"""For about how long arrivals and departures are remembered."""
_RETENTION = np.float32(0.9985)
"""Share of a rise that went back still remembered a bucket later: half of it after 11 hours."""
_NO_BUCKET = -(2**40)
"""A bucket number before every time that samples may have."""
_FIGURES = (
    "score",
    "per_hour",
    "per_hour_low",
    "per_hour_high",
    "growth",
    "level",
    "elapsed_seconds",
    "late",
)
_OF = ("count", "aged", "total")
_WORTH = LEAST_GROWTH / 2
"""Goroutines that must have come for a closer look."""
_SMOOTH_SECONDS = 30.0
_CARRIED_LATE, _CARRIED_GROWTH = 0.35, 3.0
_COLLAPSE = 0.5
_SCORE, _LOW, _GROWTH, _ELAPSED, _LATE = (
    _FIGURES.index(name) for name in ("score", "per_hour_low", "growth", "elapsed_seconds", "late")
)
_NO_RISE = np.array([0.0] + [math.nan] * (len(_FIGURES) - 1), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class RisingFloorParameters:
    """Time scales, channels, and what the floors are of."""

    scales_seconds: tuple[float, ...] = LONG_SCALES
    with_rate: bool = True
    """Whether to keep the request rate beside the floors; without it a row is a third smaller."""
    of: str = "count"
    """What the floors are of: a signature, its aged goroutines, or the total of a process."""

    def __post_init__(self) -> None:
        if not self.scales_seconds or not all(1 <= s <= 86_400 for s in self.scales_seconds):
            raise ValueError("time scales must lie between a second and a day")
        if self.of not in _OF:
            raise ValueError(f"floors are of one of {', '.join(_OF)}, not {self.of!r}")


class RisingFloor(StoredBank):
    """A bank of floors, of the count or of its aged goroutines.

    Channels used: ``rate`` and ``process_start_ns``; ``aged``, if floors are to be of those. A bank
    of counts that is given one of the aged of the same rows, which has to be updated first, judges
    by how many stay (`stay_features`) where ages came within the last ten minutes.

    The score reaches its threshold, 1, when a leak is as likely as an alarm takes. Reasons:
    ``per_hour`` with ``per_hour_low`` and ``per_hour_high`` (goroutines, about 95 %), ``floor``
    (of the newest closed bucket), ``growth`` and ``level`` (rise and where from), ``onset_ns``
    (int64, 0 unknown), ``scale_seconds``, ``late`` (1: as steep as ever), ``incarnations``
    (restarts seen) and ``previous_growth`` (of the incarnation before, NaN none).

    >>> import numpy as np
    >>> bank = RisingFloor()
    >>> bank.resize(2)
    >>> both = np.array([0, 1])
    >>> for second in range(0, 7200, 15):
    ...     verdicts = bank.update(both, np.full(2, second * 10**9), np.array([40.0, second / 15]))
    >>> verdicts.alarm.tolist(), round(float(verdicts.reasons["per_hour"][1]))
    ([False, True], 240)
    """

    def __init__(
        self,
        parameters: RisingFloorParameters | None = None,
        witness: Callable[[NDArray[np.int64], NDArray[np.float64]], None] | None = None,
        aged: RisingFloor | None = None,
    ) -> None:
        """A ``witness`` is shown rows and features of rises that may be leaks; none is scored."""
        self.parameters = parameters = parameters or RisingFloorParameters()
        self._witness = witness
        self._aged = aged
        scales = len(parameters.scales_seconds)
        self._widths_ns = [round(s * SECOND_NS) for s in parameters.scales_seconds]
        store = RowStore(
            f"rising floor 5 {parameters}",
            [
                Field("newest_ns", "<i8", (), NEVER_NS),
                Field("start_ns", "<i8"),
                Field("begun_ns", "<i8", (), NEVER_NS),
                Field("bucket", "<i8", (scales,), _NO_BUCKET),
                Field("floors", "<f4", (scales, BUCKETS), math.nan),
                Field("rates", "<f4", (scales, BUCKETS if parameters.with_rate else 0), math.nan),
                Field("least", "<f4", (scales,), math.inf),
                Field("rate_sum", "<f4", (scales,)),
                Field("rate_count", "<f4", (scales,)),
                Field("figures", "<f4", (scales, len(_FIGURES)), math.nan),
                Field("judged_ns", "<i8", (scales,)),
                Field("floor", "<f4", (), math.nan),
                Field("smooth", "<f4", (), math.nan),
                Field("count_least", "<f4", (2,), math.inf),
                Field("newest", "<f4", (), math.nan),
                Field("risen", "<f4"),
                Field("fallen", "<f4"),
                Field("carried_seconds", "<f4"),
                Field("carried_growth", "<f4"),
                Field("incarnations", "<f4"),
                Field("previous_growth", "<f4", (), math.nan),
                Field("peak", "<f4"),
                Field("peak_rate", "<f4", (), math.nan),
                Field("returned", "<f4"),
            ],
        )
        super().__init__(store)

    def seen(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these rows have ever had a sample."""
        return np.asarray(self._store["newest_ns"][rows] != NEVER_NS, dtype=np.bool_)

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
        """One sample per row; verdicts change when a bucket has closed."""
        judged = values
        if self.parameters.of == "aged":
            judged = np.full(len(rows), math.nan) if aged is None else aged
        fresh = accept(rows, times_ns, judged, self._store["newest_ns"])
        starts = None if process_start_ns is None else process_start_ns[fresh.at]
        self._restart(fresh, starts)
        if self.parameters.of == "total":
            fresh = self._smoothed(fresh)
        self._close(fresh)
        self._take(fresh, fresh.channel(rate), fresh.channel(values))
        return self._answer(rows)

    def _restart(self, fresh: Samples, starts: NDArray[np.int64] | None) -> None:
        """Begin anew where the process did."""
        store, rows = self._store, fresh.rows
        first = store["begun_ns"][rows] == NEVER_NS
        store["begun_ns"][rows[first]] = fresh.times_ns[first]
        if starts is None:
            starts = np.zeros(len(rows), dtype=np.int64)
        self._renew_collapsed(fresh, starts)
        known = store["start_ns"][rows]
        moved = restarted(known, starts, store["newest_ns"][rows]) & ~first
        store["start_ns"][rows] = np.where((starts != 0) & (moved | (known == 0)), starts, known)
        self._renew(rows[moved], fresh.times_ns[moved])

    def _renew_collapsed(self, fresh: Samples, starts: NDArray[np.int64]) -> None:
        """Take a total below half of all its floors for a new process, where starts are unknown."""
        if self.parameters.of != "total":
            return
        at = np.flatnonzero((starts == 0) & (self._store["start_ns"][fresh.rows] == 0))
        rows = fresh.rows[at]
        floors = self._store["floors"][rows, -1]
        lowest = np.where(np.isnan(floors), np.inf, floors).min(axis=1)
        fallen = np.isfinite(lowest) & (fresh.values[at] < _COLLAPSE * lowest)
        self._renew(rows[fallen], fresh.times_ns[at[fallen]])

    def _renew(self, rows: NDArray[np.int64], now_ns: NDArray[np.int64]) -> None:
        """Empty the scales, keeping what the incarnation before has taught."""
        store = self._store
        if not len(rows):
            return
        self._carry(rows)
        growth = store["figures"][rows, :, _GROWTH]
        store["previous_growth"][rows] = np.nanmax(
            np.concatenate([growth, np.zeros((len(rows), 1), np.float32)], axis=1), axis=1
        )
        store["incarnations"][rows] += 1
        store["begun_ns"][rows] = now_ns
        blanks = {field.name: field.blank for field in store.fields}
        for name in (
            "bucket",
            "floors",
            "rates",
            "least",
            "rate_sum",
            "rate_count",
            "figures",
            "peak",
            "peak_rate",
            "count_least",
            "smooth",
            "newest",
        ):
            store[name][rows] = blanks[name]

    def _carry(self, rows: NDArray[np.int64]) -> None:
        """Remember how long and how far the incarnation that ends now rose, if it did to its end.

        The scale that saw most of it speaks for it. An incarnation that did not rise wipes out
        what the ones before had.
        """
        store = self._store
        figures = known_or(0.0, store["figures"][rows])
        rising = (figures[:, :, _LATE] > _CARRIED_LATE) & (figures[:, :, _LOW] > 0)
        rising &= figures[:, :, _GROWTH] >= _CARRIED_GROWTH
        elapsed = np.where(rising, figures[:, :, _ELAPSED], 0)
        best = elapsed.argmax(axis=1)
        each = np.arange(len(rows))
        longest = elapsed[each, best]
        grown = np.where(longest > 0, figures[each, best, _GROWTH], 0)
        for name, gain in (("carried_seconds", longest), ("carried_growth", grown)):
            store[name][rows] = np.where(longest > 0, store[name][rows] + gain, 0)

    def _smoothed(self, fresh: Samples) -> Samples:
        """Means of about the last minute instead of counts.

        Requests in flight come and go within seconds, so samples that far apart are mostly noise:
        a mean of several rises more clearly than the least of as many.
        """
        store, rows = self._store, fresh.rows
        passed = np.minimum(fresh.times_ns - store["newest_ns"][rows], 10**15) / SECOND_NS
        before = store["smooth"][rows].astype(np.float64)
        before = np.where(np.isnan(before), fresh.values, before)
        means = fresh.values + (before - fresh.values) * np.exp(-passed / _SMOOTH_SECONDS)
        store["smooth"][rows] = means
        return replace(fresh, values=means)

    def _age(self, rows: NDArray[np.int64], now: NDArray[np.int64]) -> NDArray[np.float64]:
        """Seconds since the process started, or since the row did where that is not known."""
        start, begun = self._store["start_ns"][rows], self._store["begun_ns"][rows]
        since = np.where(start != 0, np.minimum(start, begun), begun)
        return np.asarray((now - since) / SECOND_NS, dtype=np.float64)

    def _close(self, fresh: Samples) -> None:
        """Push finished buckets into their rings and judge those scales anew."""
        store = self._store
        for scale, width in enumerate(self._widths_ns):
            number = fresh.times_ns // width
            before = store["bucket"][fresh.rows, scale]
            at = np.flatnonzero((number > before) & (before != _NO_BUCKET))
            store["bucket"][fresh.rows, scale] = number
            if not len(at):
                continue
            rows, old, new = fresh.rows[at], before[at], number[at]
            floor = store["least"][rows, scale]
            store["floors"][rows, scale, old % BUCKETS] = floor
            store["least"][rows, scale] = math.inf
            if scale == 0:
                store["floor"][rows] = floor
                store["count_least"][rows, 1] = store["count_least"][rows, 0]
                store["count_least"][rows, 0] = math.inf
            if self.parameters.with_rate:
                self._close_rates(rows, scale, old)
            if scale == 0:
                self._follow_peak(rows, scale, old)
            self._clear_skipped(rows, scale, old, new)
            for start in range(0, len(at), _CHUNK_ROWS):
                part = slice(start, start + _CHUNK_ROWS)
                self._judge(rows[part], scale, new[part], new[part] * width)

    def _follow_peak(self, rows: NDArray[np.int64], scale: int, bucket: NDArray[np.int64]) -> None:
        """Remember the largest rise of the floor that ever went back without traffic falling."""
        store = self._store
        three = (bucket[:, None] - np.arange(3)) % BUCKETS
        last = store["floors"][rows[:, None], scale, three]
        middle = np.maximum(
            np.minimum(last[:, 0], last[:, 1]),
            np.minimum(np.maximum(last[:, 0], last[:, 1]), last[:, 2]),
        )
        known = ~np.isnan(middle)
        peak, peak_rate = store["peak"][rows], store["peak_rate"][rows]
        rate = np.full(len(rows), math.nan, dtype=np.float32)
        if self.parameters.with_rate:
            rate = store["rates"][rows, scale, bucket % BUCKETS]
        higher = known & (middle >= peak)
        with np.errstate(invalid="ignore", divide="ignore"):
            eased = np.where(rate < peak_rate, peak * (1 - rate / peak_rate), 0)
        fall = np.where(known & ~higher, peak - middle - eased, 0)
        store["returned"][rows] = np.maximum(store["returned"][rows] * _RETENTION, fall)
        store["peak"][rows] = np.where(higher, middle, peak)
        store["peak_rate"][rows] = np.where(higher, rate, peak_rate)

    def _clear_skipped(
        self, rows: NDArray[np.int64], scale: int, old: NDArray[np.int64], new: NDArray[np.int64]
    ) -> None:
        """Mark the buckets between two samples as empty; all of the ring after a long gap."""
        gap = np.flatnonzero(new - old > 1)
        if not len(gap):
            return
        after = (np.arange(BUCKETS) - (old[gap] + 1)[:, None]) % BUCKETS
        skipped = after < (new[gap] - old[gap] - 1)[:, None]
        for name in ("floors", "rates") if self.parameters.with_rate else ("floors",):
            ring = self._store[name][rows[gap], scale]
            ring[skipped] = math.nan
            self._store[name][rows[gap], scale] = ring

    def _close_rates(self, rows: NDArray[np.int64], scale: int, bucket: NDArray[np.int64]) -> None:
        store = self._store
        seen = store["rate_count"][rows, scale]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(seen > 0, store["rate_sum"][rows, scale] / seen, math.nan)
        store["rates"][rows, scale, bucket % BUCKETS] = mean
        store["rate_sum"][rows, scale] = 0
        store["rate_count"][rows, scale] = 0

    def _worth_a_look(
        self, rows: NDArray[np.int64], scale: int, open_bucket: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64] | None]:
        """Places of the rows that may show a rise, with their floors and rates, oldest first."""
        store = self._store
        places = np.arange(len(rows))
        if not self.parameters.with_rate:
            ring = store["floors"][rows[places], scale]
            low = np.fmin.reduce(ring, axis=1)
            newest = ring[np.arange(len(places)), (open_bucket[places] - 1) % BUCKETS]
            # A gap leaves no newest floor to rule the rise out by.
            places = places[~(newest - low < np.maximum(_WORTH, 0.03 * low))]
        order = (open_bucket[places, None] + np.arange(1, BUCKETS)) % BUCKETS
        kept = rows[places, None]
        floors = store["floors"][kept, scale, order].astype(np.float64)
        rates = None
        if self.parameters.with_rate:
            rates = store["rates"][kept, scale, order].astype(np.float64)
        rise = np.flatnonzero(_may_rise(floors, rates))
        return places[rise], floors[rise], None if rates is None else rates[rise]

    def _judge(
        self, rows: NDArray[np.int64], scale: int, open_bucket: NDArray[np.int64], now: Any
    ) -> None:
        store = self._store
        before = store["figures"][rows, scale, _SCORE].astype(np.float64)
        store["figures"][rows, scale] = _NO_RISE
        store["judged_ns"][rows, scale] = now
        telling, floors, rates = self._worth_a_look(rows, scale, open_bucket)
        if not len(telling):
            return
        rows, now = rows[telling], now[telling]
        trend = describe(floors, rates)
        seconds = self.parameters.scales_seconds[scale]
        around = Circumstances(
            bucket_seconds=seconds,
            age_seconds=self._age(rows, now),
            carried_seconds=store["carried_seconds"][rows].astype(np.float64),
            carried_growth=store["carried_growth"][rows].astype(np.float64),
            churn=self._churn(rows),
            returned=store["returned"][rows].astype(np.float64),
            young=self._young(rows),
        )
        score = self._likely(rows, trend, around, floors, now, before[telling])
        hours = 3600.0 / seconds
        columns = [
            score,
            trend.slope * hours,
            (trend.slope - 2 * trend.slope_error) * hours,
            (trend.slope + 2 * trend.slope_error) * hours,
            trend.growth,
            trend.level,
            trend.elapsed * seconds,
            trend.late,
        ]
        store["figures"][rows, scale] = np.stack(columns, axis=1)

    def _churn(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Departures over arrivals within about an hour, one departure forgiven."""
        fallen, risen = self._store["fallen"][rows], self._store["risen"][rows]
        churn = np.maximum(fallen - 1.0, 0) / np.maximum(risen, 1)
        return np.asarray(churn, dtype=np.float64)

    def _young(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """How many of the least count of late were not aged; NaN for floors of other things."""
        least = self._store["count_least"][rows].min(axis=1).astype(np.float64)
        known = np.isfinite(least) & (self.parameters.of == "aged")
        return np.where(known, least - self._store["newest"][rows], np.nan)

    def _likely(
        self,
        rows: NDArray[np.int64],
        trend: Trend,
        around: Circumstances,
        floors: NDArray[np.float64],
        now: NDArray[np.int64],
        before: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Odds of a leak over those that an alarm takes; ``before`` are those of a bucket ago."""
        rise = Rise(trend, around.carried_growth, around.bucket_seconds)
        features = rise_features(trend, around)
        if self._aged is not None:
            old = self._aged._fresh(rows, now)
            return self._staying(rows, rise, features, floors, old, before)
        if self._witness is None:
            return rise.odds(self.parameters.of, features)
        self._witness(rows[rise.possible], features[rise.possible])
        return np.zeros(len(rows))

    def _staying(
        self,
        rows: NDArray[np.int64],
        rise: Rise,
        features: NDArray[np.float64],
        floors: NDArray[np.float64],
        old: NDArray[np.float64],
        before: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Odds by how many stay; by the floors alone where nothing is known of ages (NaN)."""
        known = ~np.isnan(old)
        at = np.flatnonzero(known & rise.growing_old(known_or(0.0, old)))
        count = self._store["newest"][rows[at]].astype(np.float64)
        staying = rise.at(at)
        stay = stay_features(
            features[at], staying.trend, floors[at], old[at], count, rise.bucket_seconds
        )
        odds = rise.nothing()
        if self._witness is not None:
            self._witness(rows[at], stay)
            return odds
        if len(at):
            odds[at] = staying.odds_of_staying(stay, before[at])
        unknown = np.flatnonzero(~known)
        if len(unknown):
            odds[unknown] = rise.at(unknown).odds("count", features[unknown])
        return odds

    def _fresh(self, rows: NDArray[np.int64], now: NDArray[np.int64]) -> NDArray[np.float64]:
        """The newest values of rows; NaN where there was none within the last ten minutes."""
        late = now - self._store["newest_ns"][rows] > AGED_SECONDS * SECOND_NS
        newest = np.where(late, np.nan, self._store["newest"][rows])
        return np.asarray(newest, dtype=np.float64)

    def _take(
        self, fresh: Samples, rate: NDArray[np.float64], whole_count: NDArray[np.float64]
    ) -> None:
        """Put the samples into their open buckets."""
        store, rows = self._store, fresh.rows
        passed = np.minimum(fresh.times_ns - store["newest_ns"][rows], 10**15) / SECOND_NS
        kept = (1.0 / (1.0 + passed / _MEMORY_SECONDS)).astype(np.float32)
        store["newest_ns"][rows] = fresh.times_ns
        counts = fresh.values.astype(np.float32)
        store["least"][rows] = np.minimum(store["least"][rows], counts[:, None])
        move = known_or(0.0, counts - store["newest"][rows])
        store["risen"][rows] = store["risen"][rows] * kept + np.maximum(move, 0)
        store["fallen"][rows] = store["fallen"][rows] * kept + np.maximum(-move, 0)
        store["newest"][rows] = counts
        if self.parameters.of == "aged":
            whole = np.where(np.isnan(whole_count), math.inf, whole_count).astype(np.float32)
            store["count_least"][rows, 0] = np.minimum(store["count_least"][rows, 0], whole)
        known = ~np.isnan(rate) & self.parameters.with_rate
        store["rate_sum"][rows[known]] += rate.astype(np.float32)[known, None]
        store["rate_count"][rows[known]] += 1

    def _answer(self, rows: NDArray[np.int64]) -> Verdicts:
        """The verdict of each row's most telling scale."""
        store = self._store
        figures = store["figures"][rows].astype(np.float64)
        scores = np.where(np.isnan(figures[:, :, 0]), -math.inf, figures[:, :, 0])
        best = scores.argmax(axis=1)
        each = np.arange(len(rows))
        chosen = figures[each, best]
        reasons: dict[str, NDArray[Any]] = {
            name: chosen[:, i].copy() for i, name in enumerate(_FIGURES) if name != "score"
        }
        judged = store["judged_ns"][rows, best]
        elapsed = known_or(0.0, np.asarray(reasons.pop("elapsed_seconds"), dtype=np.float64))
        onset = judged - np.asarray(elapsed * SECOND_NS, dtype=np.int64)
        reasons["onset_ns"] = np.where(reasons["growth"] > 0, onset, 0)
        reasons["floor"] = store["floor"][rows].astype(np.float64)
        reasons["scale_seconds"] = np.asarray(self.parameters.scales_seconds)[best]
        reasons["incarnations"] = store["incarnations"][rows].astype(np.float64)
        reasons["previous_growth"] = store["previous_growth"][rows].astype(np.float64)
        score = chosen[:, 0].copy()
        with np.errstate(invalid="ignore"):
            alarm = score >= 1.0
        return Verdicts(score, np.ones(len(rows)), alarm, reasons)


def _may_rise(floors: NDArray[np.float64], rates: NDArray[np.float64] | None) -> NDArray[np.bool_]:
    """Rows worth a closer look: the newest floors lie above an early one, or traffic has fallen."""
    half = floors.shape[1] // 2
    early = np.fmin.reduce(floors[:, :half], axis=1)
    anywhere = np.asarray(np.fmin.reduce(floors, axis=1), dtype=np.float64)
    first = np.asarray(np.where(np.isnan(early), anywhere, early), dtype=np.float64)
    newest = np.fmin.reduce(floors[:, -3:], axis=1)
    with np.errstate(invalid="ignore"):
        risen = newest - first >= np.maximum(_WORTH, 0.03 * first)
        if rates is None:
            return np.asarray(risen, dtype=np.bool_)
        before = np.fmax.reduce(rates[:, :half], axis=1)
        fallen = np.fmax.reduce(rates[:, -3:], axis=1) < 0.8 * before
    return np.asarray(risen | fallen, dtype=np.bool_)
