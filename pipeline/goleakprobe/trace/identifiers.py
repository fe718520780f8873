"""Whole columns of identifiers mapped at once: local ids to interned ones, goroutines to 0..n-1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["IdMap", "dense_positions"]

_DIRECT_SLACK = 1 << 16
_PAGE_BITS = 12
_MAX_PAGES = 1 << 23


class IdMap:
    """A small dictionary of ids as an array; ids it lacks map to ``missing``."""

    def __init__(self, ids: dict[int, int], missing: int) -> None:
        keys = np.fromiter((key for key in ids if key >> 62 == 0), np.int64)
        keys.sort()
        values = np.fromiter((ids[key] for key in keys.tolist()), np.int32, len(keys))
        top = int(keys[-1]) if len(keys) else -1
        self.keys = np.empty(0, np.int64)
        """Ascending ids where ``values`` is not indexed by the id itself; else empty."""
        if top <= 4 * len(keys) + _DIRECT_SLACK:
            # One entry more than ids: clipped look-ups past the end land on it.
            self.values = np.full(top + 2, missing, np.int32)
            self.values[keys] = values
        else:
            self.keys = keys
            self.values = np.append(values, np.int32(missing))

    def map(self, ids: NDArray[np.int64], out: NDArray[np.int32]) -> None:
        """Write what each id stands for; ids are not negative."""
        if not len(self.keys):
            self.values.take(ids, out=out, mode="clip")
            return
        at = np.searchsorted(self.keys, ids)
        at[self.keys.take(at, mode="clip") != ids] = len(self.keys)
        self.values.take(at, out=out, mode="clip")


def dense_positions(members: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of each id among ``members`` (sorted, distinct, none negative); -1 if it is not there.

    Ids of a process are handed out in order, so most lie close together: a direct table where the
    whole range is small, else a table of pages, else a search.
    """
    low, high = int(members[0]), int(members[-1])
    if high - low <= 4 * len(ids) + _DIRECT_SLACK:
        return _direct(members - low, ids - low, high - low)
    if (high - low) >> _PAGE_BITS < _MAX_PAGES:
        return _paged(members - low, ids - low, high - low)
    return _searched(members, ids)


def _direct(members: NDArray[np.int64], ids: NDArray[np.int64], top: int) -> NDArray[np.int64]:
    table = np.full(top + 3, -1, np.int64)
    table[members + 1] = np.arange(len(members))
    # Ids below and above the range are clipped to the empty ends.
    return table.take(ids + 1, mode="clip")


def _paged(members: NDArray[np.int64], ids: NDArray[np.int64], top: int) -> NDArray[np.int64]:
    page_of = members >> _PAGE_BITS
    pages = page_of[np.flatnonzero(np.diff(page_of, prepend=-1))]
    if len(pages) << _PAGE_BITS > 8 * (len(ids) + _DIRECT_SLACK):
        return _searched(members, ids)
    outside = (ids < 0) | (ids > top)
    where = np.full((top >> _PAGE_BITS) + 1, len(pages), np.int64)
    where[pages] = np.arange(len(pages))
    mask = (1 << _PAGE_BITS) - 1
    table = np.full((len(pages) + 1) << _PAGE_BITS, -1, np.int64)
    table[(where.take(page_of) << _PAGE_BITS) + (members & mask)] = np.arange(len(members))
    at = where.take(ids >> _PAGE_BITS, mode="clip")
    at <<= _PAGE_BITS
    at += ids & mask
    found = table.take(at)
    found[outside] = -1
    return found


def _searched(members: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    at = np.searchsorted(members, ids)
    at[members.take(at, mode="clip") != ids] = -1
    return at
