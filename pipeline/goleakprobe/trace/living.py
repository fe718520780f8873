"""What is known of each live goroutine between two generations."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEVER", "REMEMBERED_WAKERS", "Living"]

REMEMBERED_WAKERS = 4
NEVER = -2
"""No waker: this many of a goroutine's wakes were not seen."""

Longs = NDArray[np.int64]


@dataclass(slots=True)
class Living:
    """One row for each live goroutine, by ascending id."""

    goroutine: Longs
    state: NDArray[np.uint8]
    since_ns: Longs
    """Begin of its state, or of the trace where ``earlier``."""
    earlier: NDArray[np.bool_]
    """Its state began before the trace, or in a gap of it."""
    waits_at: Longs
    """Blocking site; only where it is blocked."""
    stack: NDArray[np.int32]
    created_at: Longs
    """Creation site."""
    born_ns: Longs
    """-1 for a goroutine older than the trace."""
    wakes: Longs
    """How often it was unblocked in the trace."""
    woken_at: Longs
    """Blocking site that ``wakers`` is about: where it waits, or waited last."""
    wakers: Longs
    """Who last woke it there, newest first: (goroutines x 4); -1 the runtime, -2 none."""

    @classmethod
    def none(cls) -> Living:
        """No goroutine."""
        return cls(
            goroutine=np.empty(0, np.int64),
            state=np.empty(0, np.uint8),
            since_ns=np.empty(0, np.int64),
            earlier=np.empty(0, np.bool_),
            waits_at=np.empty(0, np.int64),
            stack=np.empty(0, np.int32),
            created_at=np.empty(0, np.int64),
            born_ns=np.empty(0, np.int64),
            wakes=np.empty(0, np.int64),
            woken_at=np.empty(0, np.int64),
            wakers=np.empty((0, REMEMBERED_WAKERS), np.int64),
        )

    def __len__(self) -> int:
        return len(self.goroutine)

    def find(self, goroutines: Longs) -> Longs:
        """Row of each of these; -1 for one that is not there."""
        if not len(self.goroutine):
            return np.full(len(goroutines), -1, np.int64)
        at: Longs = np.searchsorted(self.goroutine, goroutines)
        at[self.goroutine.take(at, mode="clip") != goroutines] = -1
        return at

    def keep(self, rows: NDArray[np.bool_]) -> Living:
        """Only these rows."""
        return Living(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def remember_wakers(self, member: Longs, where: Longs, actors: Longs) -> None:
        """Note wakes in row order: of which row, at which site, by whom.

        Only those at the site that ``woken_at`` names are remembered.
        """
        self.wakes += np.bincount(member, minlength=len(self))
        here = np.flatnonzero(where == self.woken_at.take(member))
        counts = np.bincount(member.take(here), minlength=len(self))
        rows = np.flatnonzero(counts != 0)
        ends = np.cumsum(counts)[rows]
        counts = counts[rows]
        actors = actors.take(here)
        old = self.wakers[rows]
        new = np.full_like(old, NEVER)
        for place in range(REMEMBERED_WAKERS):
            recent = counts > place
            new[recent, place] = actors[ends[recent] - 1 - place]
            for back in range(place + 1):
                shifted = counts == place - back
                new[shifted, place] = old[shifted, back]
        self.wakers[rows] = new

    def turn_to(self, sites: Longs) -> None:
        """Set ``woken_at``; wakers remembered for another site are forgotten."""
        self.wakers[self.woken_at != sites] = NEVER
        self.woken_at = sites
