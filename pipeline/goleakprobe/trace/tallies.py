"""Sums over whole columns of small keys, added up over generations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TimeBins", "add_counts", "add_pairs", "grown"]

_DIRECT_KEYS = 1 << 22


def grown(array: NDArray[Any], length: int) -> NDArray[Any]:
    """The array with at least so many rows, new ones zero."""
    if len(array) >= length:
        return array
    wider = np.zeros((max(length, 2 * len(array)), *array.shape[1:]), array.dtype)
    wider[: len(array)] = array
    return wider


def add_counts(
    totals: NDArray[Any], keys: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> None:
    """Add the number (or weight) of each key to ``totals``, taken as flat."""
    flat = totals.reshape(-1)
    sums = np.bincount(keys, weights=weights, minlength=len(flat))
    flat += sums.astype(flat.dtype, copy=False)


def add_pairs(
    totals: dict[tuple[int, ...], list[int]],
    keys: tuple[NDArray[np.int64], ...],
    sizes: tuple[int, ...],
    weights: NDArray[np.int64] | None = None,
) -> None:
    """Add counts (and summed weights) of combined keys to ``totals``: key → [count, sum]."""
    if not len(keys[0]):
        return
    combined = keys[0].copy()
    for more, size in zip(keys[1:], sizes[1:], strict=True):
        combined *= size
        combined += more
    span = 1
    for size in sizes:
        span *= size
    if span <= _DIRECT_KEYS:
        counts = np.bincount(combined)
        distinct = np.flatnonzero(counts != 0)
        counts = counts[distinct]
        sums = None if weights is None else np.bincount(combined, weights=weights)[distinct]
    else:
        distinct, inverse, counts = np.unique(combined, return_inverse=True, return_counts=True)
        sums = None if weights is None else np.bincount(inverse, weights=weights)
    summed = [0] * len(distinct) if sums is None else sums.astype(np.int64).tolist()
    for key, count, weight in zip(distinct.tolist(), counts.tolist(), summed, strict=True):
        parts: list[int] = []
        rest: int = key
        for size in reversed(sizes):
            rest, last = divmod(rest, size)
            parts.append(last)
        total = totals.setdefault(tuple(reversed(parts)), [0, 0])
        total[0] += count
        total[1] += weight


class TimeBins:
    """Counts over the time of a trace of unknown length, at bounded size.

    There are at most ``bins`` of them; when the trace outgrows them, two become one.
    """

    def __init__(self, columns: int, bins: int = 384, width_ns: int = 5_000_000) -> None:
        self.width_ns = width_ns
        self.counts = np.zeros((bins, columns), np.int64)
        self._bins = bins

    def bins_of(self, since_start_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Bin of each time, once all fit; times before the start are in the first."""
        while len(since_start_ns) and int(since_start_ns.max()) >= self.width_ns * self._bins:
            self._halve()
        at: NDArray[np.int64] = np.maximum(since_start_ns, 0)
        at //= self.width_ns
        return at

    def add(self, since_start_ns: NDArray[np.int64], column: NDArray[np.int64]) -> None:
        """Count one at these times in these columns."""
        if not len(since_start_ns):
            return
        columns = int(column.max()) + 1
        if columns > self.counts.shape[1]:
            wider = np.zeros((self._bins, max(columns, 2 * self.counts.shape[1])), np.int64)
            wider[:, : self.counts.shape[1]] = self.counts
            self.counts = wider
        at = self.bins_of(since_start_ns)
        at *= self.counts.shape[1]
        at += column
        add_counts(self.counts, at)

    def thirds(self, length_ns: int, column: int) -> tuple[int, int, int]:
        """Counts of a column in each third of the trace, to the width of a bin."""
        if column >= self.counts.shape[1]:
            return (0, 0, 0)
        ends = [min(self._bins, round(length_ns * part / 3 / self.width_ns)) for part in (1, 2)]
        counts = self.counts[:, column]
        one, two, three = np.split(counts, ends)
        return int(one.sum()), int(two.sum()), int(three.sum())

    def _halve(self) -> None:
        pairs = self.counts.reshape(self._bins // 2, 2, -1).sum(axis=1)
        self.counts[:] = 0
        self.counts[: self._bins // 2] = pairs
        self.width_ns *= 2
