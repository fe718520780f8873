"""How old the goroutines of a stack are by our own clock.

A runtime's own waiting times are rounded and restart with every wake-up. Two clocks of ours say
more:

- **By ids** (`IdentitySurvival`): a goroutine id seen at the same place in an earlier dump and now
  was there in between. What it counts is certain: *at least* so many are that old.
- **By counts** (`SurvivorCeiling`): whoever is older than W now was counted in every sample of the
  last W. So *at most* as many as the least of those counts are that old, and whatever the count is
  above it are departures that must have happened.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from goleakprobe_agents.detection.protocol import NEVER_NS, SECOND_NS, Verdicts, accept
from goleakprobe_agents.detection.row_store import Field, RowStore, StoredBank

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["AGED_SECONDS", "IdentitySurvival", "SurvivorCeiling", "Survivors"]

AGED_SECONDS = 600.0
"""Older than this is aged: longer than any usual request, poll or idle timeout."""

_IDS = 64
_PARTS = 10
_NO_PART = -(2**40)


@dataclass(frozen=True, slots=True)
class Survivors:
    """What ids prove about one row; counts are lower bounds."""

    seen_again: int
    """Ids of this dump that an earlier dump of the same process held at this place."""
    aged: int
    """Those first seen `AGED_SECONDS` ago or longer."""
    oldest_seconds: float
    """How long ago the earliest of them was first seen."""


class IdentitySurvival(StoredBank):
    """Goroutine ids of each row with the time they were first seen; at most 64, oldest first.

    Ids grow with time, so the smallest are the oldest; those are kept. Take every dump of a row
    here, even one without ids of it: an id that is missing once is gone for good.

    >>> import numpy as np
    >>> bank = IdentitySurvival()
    >>> bank.resize(1)
    >>> bank.update(0, 0, [7, 8, 9]).seen_again
    0
    >>> bank.update(0, 700 * 10**9, [8, 9, 30])
    Survivors(seen_again=2, aged=2, oldest_seconds=700.0)
    """

    def __init__(self) -> None:
        store = RowStore(
            "identity survival 1",
            [
                Field("newest_ns", "<i8", (), NEVER_NS),
                Field("start_ns", "<i8"),
                Field("held", "<i8"),
                Field("ids", "<i8", (_IDS,)),
                Field("first_ns", "<i8", (_IDS,)),
            ],
        )
        super().__init__(store)

    def update(
        self, row: int, time_ns: int, ids: Iterable[int], *, process_start_ns: int = 0
    ) -> Survivors:
        """Take one row's ids of a dump; an older dump than the newest says nothing."""
        store = self._store
        if time_ns <= store["newest_ns"][row]:
            return Survivors(0, 0, 0.0)
        started = int(store["start_ns"][row])
        if process_start_ns and started and abs(process_start_ns - started) > 2 * SECOND_NS:
            store["held"][row] = 0
        if process_start_ns:
            store["start_ns"][row] = process_start_ns
        store["newest_ns"][row] = time_ns
        held = int(store["held"][row])
        known, since = store["ids"][row, :held], store["first_ns"][row, :held]
        now = np.unique(np.fromiter((i for i in ids if 0 < i < 2**63), dtype=np.int64))[:_IDS]
        again, there, here = np.intersect1d(known, now, assume_unique=True, return_indices=True)
        first = np.full(len(now), time_ns, dtype=np.int64)
        first[here] = since[there]
        store["held"][row] = len(now)
        store["ids"][row, : len(now)] = now
        store["first_ns"][row, : len(now)] = first
        ages = (time_ns - first[here]) / SECOND_NS
        oldest = float(ages.max()) if len(again) else 0.0
        return Survivors(len(again), int((ages >= AGED_SECONDS).sum()), oldest)


class SurvivorCeiling(StoredBank):
    """At most how many of a row's goroutines can be older than ten minutes, from counts alone.

    The minimum over the last ten to eleven minutes, kept as eleven parts of a minute each (176
    bytes a row). Score: the ceiling; it never alarms, for a pool is old and does no harm. Reasons:
    ``at_most_aged`` (NaN before ten minutes have been seen) and ``departed`` (at least so many of
    what was counted at the peak of the window are gone).

    >>> import numpy as np
    >>> bank = SurvivorCeiling()
    >>> bank.resize(1)
    >>> for minute, count in enumerate([50] * 6 + [20] + [60] * 6):
    ...     at = np.array([minute * 60 * 10**9])
    ...     verdict = bank.update(np.array([0]), at, np.array([float(count)]))
    >>> float(verdict.reasons["at_most_aged"][0]), float(verdict.reasons["departed"][0])
    (20.0, 30.0)
    """

    def __init__(self, aged_seconds: float = AGED_SECONDS) -> None:
        self._part_ns = round(aged_seconds * SECOND_NS / _PARTS)
        store = RowStore(
            f"survivor ceiling 1 {aged_seconds}",
            [
                Field("newest_ns", "<i8", (), NEVER_NS),
                Field("begun_ns", "<i8", (), NEVER_NS),
                Field("start_ns", "<i8"),
                Field("part", "<i8", (), _NO_PART),
                Field("least", "<f4", (_PARTS + 1,), math.inf),
                Field("most", "<f4", (_PARTS + 1,), -math.inf),
                Field("last", "<f4", (2,), math.nan),
            ],
        )
        super().__init__(store)

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
        """One sample per row; of the channels only the process start is used."""
        store = self._store
        fresh = accept(rows, times_ns, values, store["newest_ns"])
        if process_start_ns is not None:
            self._renew(fresh.rows, process_start_ns[fresh.at])
        new = store["begun_ns"][fresh.rows] == NEVER_NS
        store["begun_ns"][fresh.rows[new]] = fresh.times_ns[new]
        self._take(fresh.rows, fresh.times_ns, fresh.values)
        last = store["last"][rows].astype(np.float64)
        reasons: dict[str, NDArray[Any]] = {
            "at_most_aged": last[:, 0].copy(),
            "departed": last[:, 1].copy(),
        }
        none = np.zeros(len(rows), dtype=np.bool_)
        return Verdicts(last[:, 0].copy(), np.full(len(rows), math.inf), none, reasons)

    def _renew(self, rows: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
        known = self._store["start_ns"][rows]
        moved = (known > 0) & (starts > 0) & (np.abs(starts - known) > 2 * SECOND_NS)
        newest = self._store["newest_ns"][rows[moved]]
        self._store.reset(rows[moved])
        self._store["newest_ns"][rows[moved]] = newest
        self._store["start_ns"][rows] = np.where(starts > 0, starts, known)

    def _take(
        self, rows: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        store = self._store
        part = times // self._part_ns
        passed = np.minimum(part - store["part"][rows], _PARTS + 1)
        slots = np.arange(_PARTS + 1)
        stale = (slots - (part - passed + 1)[:, None]) % (_PARTS + 1) < passed[:, None]
        counts = values.astype(np.float32)
        slot = part % (_PARTS + 1)
        each = np.arange(len(rows))
        least = np.where(stale, np.float32(math.inf), store["least"][rows])
        most = np.where(stale, np.float32(-math.inf), store["most"][rows])
        least[each, slot] = np.minimum(least[each, slot], counts)
        most[each, slot] = np.maximum(most[each, slot], counts)
        store["least"][rows], store["most"][rows] = least, most
        store["part"][rows], store["newest_ns"][rows] = part, times
        ceiling = least.min(axis=1)
        whole = times - store["begun_ns"][rows] >= self._part_ns * _PARTS
        store["last"][rows, 0] = np.where(whole, ceiling, np.float32(math.nan))
        store["last"][rows, 1] = _deepest_fall(least, most, slot)


def _deepest_fall(
    least: NDArray[np.float32], most: NDArray[np.float32], newest: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The largest fall from a part's peak to a later part's minimum."""
    order = (newest[:, None] + 1 + np.arange(least.shape[1])) % least.shape[1]
    peak = np.maximum.accumulate(np.take_along_axis(most, order, axis=1), axis=1)
    later = np.take_along_axis(least, order, axis=1)
    with np.errstate(invalid="ignore"):
        falls = np.where(np.isfinite(peak[:, :-1] - later[:, 1:]), peak[:, :-1] - later[:, 1:], 0)
    return np.asarray(np.maximum(falls.max(axis=1), 0), dtype=np.float32)
