"""Rows of the detectors' arrays: given out, taken back, and known to the state snapshot."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["RowAllocator"]


class RowAllocator(msgspec.Struct):
    """Dense row numbers; a released row is given out again, the lowest first.

    >>> rows = RowAllocator()
    >>> rows.take(), rows.take(), rows.take()
    (0, 1, 2)
    >>> rows.release([1])
    >>> rows.take(), rows.take(), rows.size
    (1, 3, 4)
    """

    size: int = 0
    """Rows ever in use: the detectors need at least as many."""
    free: list[int] = []

    def take(self) -> int:
        """A row that nobody holds."""
        if self.free:
            return heapq.heappop(self.free)
        self.size += 1
        return self.size - 1

    def release(self, rows: Iterable[int]) -> None:
        """Take rows back; the detectors must have forgotten them before they are taken again."""
        for row in rows:
            heapq.heappush(self.free, row)
