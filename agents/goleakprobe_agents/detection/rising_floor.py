"""The rising floor: whether the least number of goroutines per bucket of time keeps going up.

Traffic moves the ceiling of a count, a leak lifts its floor. The bank keeps the minima of buckets
at several time scales, 24 buckets each: 10 s, 1, 3 and 10 minutes, so four minutes to four hours
of memory. When a bucket closes, its scale's floors are described (`trend`) and judged (`verdict`);
a row's score is that of the scale that shows a leak best.

Buckets are aligned to the epoch of the times given, a bucket is judged by the first sample after
its end, and a bucket without samples stays empty; so scrapes may come at any distance, and a gap
costs evidence but makes none.

A new process (``process_start_ns`` changes by more than two seconds; for totals of unknown start:
the floor collapses) empties the scales and remembers what the incarnation before had grown by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from goleakprobe_agents.detection.protocol import NEVER_NS, SECOND_NS, Samples, Verdicts, accept
from goleakprobe_agents.detection.row_store import Field, RowStore
from goleakprobe_agents.detection.trend import describe
from goleakprobe_agents.detection.verdict import JudgingRules, judge

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RisingFloor", "RisingFloorParameters"]

BUCKETS = 24
_CHUNK_ROWS = 1024
_SAME_START_NS = 2 * SECOND_NS
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


@dataclass(frozen=True, slots=True)
class RisingFloorParameters:
    """Time scales and what the series are.

    ``stack`` says that rows are single signatures, which may be judged sooner than totals: whole
    families of benign growth (pools, caches) hide in a total, but show their own stacks.
    """

    scales_seconds: tuple[float, ...] = (10.0, 60.0, 180.0, 600.0)
    stack: bool = True
    with_rate: bool = True
    """Whether to keep the request rate beside the floors; without it a row is a third smaller."""
    rules: JudgingRules = field(default_factory=JudgingRules)

    def __post_init__(self) -> None:
        if not self.scales_seconds or not all(1 <= s <= 86_400 for s in self.scales_seconds):
            raise ValueError("time scales must lie between a second and a day")


class RisingFloor:
    """A bank of floors. Channels used: ``rate`` and ``process_start_ns``.

    The score reaches its threshold, 1, when every rule of `JudgingRules` is met. Reasons:
    ``per_hour`` with ``per_hour_low`` and ``per_hour_high`` (goroutines, about 95 %), ``floor``
    (of the newest closed bucket), ``growth`` and ``level`` (rise and where from), ``onset_ns``
    (int64, 0 unknown), ``scale_seconds``, ``late`` (1: as steep as ever), ``incarnations``
    (restarts seen), ``previous_growth`` (of the incarnation before, NaN none) and ``fast`` (the
    score of the shortest scale alone).

    >>> import numpy as np
    >>> bank = RisingFloor()
    >>> bank.resize(2)
    >>> both = np.array([0, 1])
    >>> for second in range(0, 1800, 15):
    ...     verdicts = bank.update(both, np.full(2, second * 10**9), np.array([40.0, second / 15]))
    >>> verdicts.alarm.tolist(), round(float(verdicts.reasons["per_hour"][1]))
    ([False, True], 240)
    """

    def __init__(self, parameters: RisingFloorParameters | None = None) -> None:
        self.parameters = parameters = parameters or RisingFloorParameters()
        scales = len(parameters.scales_seconds)
        self._widths_ns = [round(s * SECOND_NS) for s in parameters.scales_seconds]
        self._store = RowStore(
            f"rising floor 1 {parameters}",
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
                Field("peak", "<f4"),
                Field("peak_rate", "<f4", (), math.nan),
                Field("returned", "<f4"),
                Field("incarnations", "<f4"),
                Field("previous_growth", "<f4", (), math.nan),
            ],
        )

    @property
    def rows(self) -> int:
        """How many rows the bank has."""
        return self._store.rows

    @property
    def state_bytes(self) -> int:
        """Bytes of state the whole bank holds."""
        return self.rows * self._store.row_bytes

    def resize(self, rows: int) -> None:
        """Grow or shrink; new rows are empty."""
        self._store.resize(rows)

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Forget these rows."""
        self._store.reset(rows)

    def dump(self) -> bytes:
        """The whole bank."""
        return self._store.dump()

    def load(self, state: bytes) -> None:
        """Replace the bank; ValueError, and no change, for bytes that are not its own."""
        self._store.load(state)

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
        fresh = accept(rows, times_ns, values, self._store["newest_ns"])
        starts = None if process_start_ns is None else process_start_ns[fresh.at]
        self._restart(fresh, starts)
        self._close(fresh)
        self._take(fresh, fresh.channel(rate))
        return self._answer(rows)

    def _restart(self, fresh: Samples, starts: NDArray[np.int64] | None) -> None:
        """Begin anew where the process did."""
        store, rows = self._store, fresh.rows
        first = store["begun_ns"][rows] == NEVER_NS
        store["begun_ns"][rows[first]] = fresh.times_ns[first]
        if starts is None:
            return
        known = store["start_ns"][rows]
        moved = (known > 0) & (starts > 0) & (np.abs(starts - known) > _SAME_START_NS)
        store["start_ns"][rows] = np.where((starts > 0) & (moved | (known <= 0)), starts, known)
        self._renew(rows[moved], fresh.times_ns[moved])

    def _renew(self, rows: NDArray[np.int64], now_ns: NDArray[np.int64]) -> None:
        """Empty the scales, keeping what the incarnation before has taught."""
        store = self._store
        if not len(rows):
            return
        growth = store["figures"][rows, :, _FIGURES.index("growth")]
        store["previous_growth"][rows] = np.nanmax(
            np.concatenate([growth, np.zeros((len(rows), 1), np.float32)], axis=1), axis=1
        )
        store["incarnations"][rows] += 1
        store["begun_ns"][rows] = now_ns
        blanks = {field.name: field.blank for field in store.fields}
        for name in ("bucket", "floors", "rates", "least", "rate_sum", "rate_count", "figures"):
            store[name][rows] = blanks[name]
        store["peak"][rows] = 0
        store["peak_rate"][rows] = math.nan

    def _close(self, fresh: Samples) -> None:
        """Push finished buckets into their rings and judge those scales anew."""
        store = self._store
        slots = np.arange(BUCKETS)
        for scale, width in enumerate(self._widths_ns):
            number = fresh.times_ns // width
            before = store["bucket"][fresh.rows, scale]
            at = np.flatnonzero((number > before) & (before != _NO_BUCKET))
            rows, old, new = fresh.rows[at], before[at], number[at]
            if len(at):
                skipped = (slots - (old + 1)[:, None]) % BUCKETS < (new - old)[:, None]
                for name in ("floors", "rates") if self.parameters.with_rate else ("floors",):
                    ring = store[name][rows, scale]
                    ring[skipped] = math.nan
                    store[name][rows, scale] = ring
                store["floors"][rows, scale, old % BUCKETS] = store["least"][rows, scale]
                store["least"][rows, scale] = math.inf
                if self.parameters.with_rate:
                    self._close_rates(rows, scale, old)
                for start in range(0, len(at), _CHUNK_ROWS):
                    part = slice(start, start + _CHUNK_ROWS)
                    self._judge(rows[part], scale, new[part], new[part] * width)
            store["bucket"][fresh.rows, scale] = number

    def _close_rates(self, rows: NDArray[np.int64], scale: int, bucket: NDArray[np.int64]) -> None:
        store = self._store
        seen = store["rate_count"][rows, scale]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(seen > 0, store["rate_sum"][rows, scale] / seen, math.nan)
        store["rates"][rows, scale, bucket % BUCKETS] = mean
        store["rate_sum"][rows, scale] = 0
        store["rate_count"][rows, scale] = 0

    def _judge(
        self, rows: NDArray[np.int64], scale: int, open_bucket: NDArray[np.int64], now: Any
    ) -> None:
        store = self._store
        order = (open_bucket[:, None] + np.arange(BUCKETS)) % BUCKETS
        order = np.delete(order, 0, axis=1)  # the slot of the bucket that is still open
        floors = np.take_along_axis(store["floors"][rows, scale], order, axis=1).astype(np.float64)
        rates = None
        if self.parameters.with_rate:
            ring = store["rates"][rows, scale]
            rates = np.take_along_axis(ring, order, axis=1).astype(np.float64)
        store["floor"][rows] = floors[:, -1]
        trend = describe(floors, rates)
        seconds = self.parameters.scales_seconds[scale]
        score = judge(
            trend,
            self.parameters.rules,
            seconds=seconds,
            process_seconds=(now - store["begun_ns"][rows]) / SECOND_NS,
            returned=store["returned"][rows].astype(np.float64),
            stack=self.parameters.stack,
        )
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
        store["judged_ns"][rows, scale] = now

    def _take(self, fresh: Samples, rate: NDArray[np.float64]) -> None:
        """Put the samples into their open buckets."""
        store, rows = self._store, fresh.rows
        store["newest_ns"][rows] = fresh.times_ns
        store["least"][rows] = np.minimum(
            store["least"][rows], fresh.values.astype(np.float32)[:, None]
        )
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
        elapsed = np.nan_to_num(reasons.pop("elapsed_seconds"))
        onset = judged - (elapsed * SECOND_NS).astype(np.int64)
        reasons["onset_ns"] = np.where(reasons["growth"] > 0, onset, 0)
        reasons["floor"] = store["floor"][rows].astype(np.float64)
        reasons["scale_seconds"] = np.asarray(self.parameters.scales_seconds)[best]
        reasons["incarnations"] = store["incarnations"][rows].astype(np.float64)
        reasons["previous_growth"] = store["previous_growth"][rows].astype(np.float64)
        reasons["fast"] = figures[:, 0, 0].copy()
        score = chosen[:, 0].copy()
        with np.errstate(invalid="ignore"):
            alarm = score >= 1.0
        return Verdicts(score, np.ones(len(rows)), alarm, reasons)
