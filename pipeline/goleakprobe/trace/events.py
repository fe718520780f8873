"""The events of a piece of batches: where each begins, what it is, when it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from goleakprobe.trace.errors import MalformedTraceError
from goleakprobe.trace.event_classes import JUMPS, Role
from goleakprobe.trace.event_starts import find_event_starts
from goleakprobe.trace.numbers import PADDING, NumberTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe.trace.generation import Batch

__all__ = ["Events", "Threads", "read_events"]

_MAX_DELTA = 1 << 56
_MAX_BATCH_TIME = 1 << 62

Longs = NDArray[np.int64]


class Events(NamedTuple):
    """All events of a piece: where they begin, what they are, when they were."""

    numbers: NumberTable
    at: Longs
    kinds: NDArray[np.uint8]
    roles: NDArray[np.uint8]
    present: int
    """All roles that occur."""
    time: Longs


class Threads(NamedTuple):
    """Stretches of a piece that one thread wrote: ids and the first event of each."""

    ids: list[int]
    first: Longs


def read_events(batches: Sequence[Batch], roles_of: bytes) -> tuple[Events, Threads]:
    """Find the events of batches that hold at least a byte each.

    Raises MalformedTraceError.
    """
    sizes = np.fromiter((len(batch.data) for batch in batches), np.int64, len(batches))
    size = int(sizes.sum())
    numbers = NumberTable(b"".join([batch.data for batch in batches] + [PADDING]), size)
    offsets = np.cumsum(sizes)
    if (numbers.octets.take(offsets - 1) >= 0x80).any():
        raise MalformedTraceError("a number runs past its batch")
    first_bytes = numbers.first_bytes()
    at = find_event_starts(first_bytes.tobytes().translate(JUMPS))
    kinds = first_bytes.take(at)
    roles = np.frombuffer(kinds.tobytes().translate(roles_of), np.uint8)
    present = int(np.bitwise_or.reduce(roles))
    if present & Role.UNKNOWN:
        kind = int(kinds[np.argmax(roles & Role.UNKNOWN)])
        raise MalformedTraceError(f"an event {kind} in an event batch")
    offsets -= sizes
    begins = np.searchsorted(numbers.starts, offsets)
    firsts = np.searchsorted(at, begins)
    if not np.array_equal(at.take(firsts, mode="clip"), begins):
        raise MalformedTraceError("an event runs past its batch")
    time = _times(numbers, at, roles, present, batches, firsts)
    ids: list[int] = []
    where: list[int] = []
    for batch, first in zip(batches, firsts.tolist(), strict=True):
        if not ids or ids[-1] != batch.thread:
            ids.append(batch.thread)
            where.append(first)
    events = Events(numbers, at, kinds, roles, present, time)
    return events, Threads(ids, np.array(where, np.int64))


def _times(
    numbers: NumberTable,
    at: Longs,
    roles: NDArray[np.uint8],
    present: int,
    batches: Sequence[Batch],
    firsts: Longs,
) -> Longs:
    """Time of every event in trace units: each batch counts on from its own time."""
    if present & Role.EXPERIMENTAL:
        melted = (roles & Role.EXPERIMENTAL) != 0
        delta = numbers.values(at + 1 - melted, 0)
        delta[melted] >>= 7
    else:
        delta = numbers.values(at, 1)
    if numbers.has_long and (int(delta.min()) < 0 or int(delta.max()) > _MAX_DELTA):
        raise MalformedTraceError("a time delta is out of range")
    if max(batch.time for batch in batches) >= _MAX_BATCH_TIME:
        raise MalformedTraceError("a batch time is out of range")
    begin = np.fromiter((batch.time for batch in batches), np.int64, len(batches))
    end = begin + np.add.reduceat(delta, firsts)
    delta[firsts] += begin
    delta[firsts[1:]] -= end[:-1]
    return np.cumsum(delta, out=delta)
