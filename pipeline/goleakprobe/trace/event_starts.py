"""Where events begin among the numbers of event batches, found in many places at once.

An event's length follows from its first byte, so the starts form a chain that must be walked from
the front. But a walk begun anywhere soon falls in step with the chain. So hundreds of lanes walk
at the same time, each with a short run-up; then every link is checked, and where a lane had not
yet fallen in step a plain walk repairs it. The answer is exact for any bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from goleakprobe.trace.errors import MalformedTraceError

__all__ = ["find_event_starts"]

# A multiple of no large power of two, or the rows of a path evict each other from the cache.
_LANES = 768
# Events a lane walks before it marks any: most lanes are in step after three.
_RUN_UP = 16
# Steps between two looks at whether all are done; short, so that a path stays in the cache.
_STRIDE = 16
_FEWEST = 4096
_MOST = 8
_ANYWHERE = np.random.default_rng(0).integers(0, 6, 1 << 14, np.uint8)


def find_event_starts(jumps: bytes) -> NDArray[np.int64]:
    """Indices of the numbers that begin an event.

    ``jumps`` says for each number how many numbers an event that begins there has, at least 1 and
    at most 8. Raises MalformedTraceError when the last event runs past the end.
    """
    count = len(jumps)
    if count < _FEWEST:
        return _walk(jumps, count)
    # The end leads nowhere: what steps there, or is clipped to it, stays.
    table = np.frombuffer(jumps + b"\0", np.uint8)
    marks = _mark_by_lanes(table, count)
    starts = np.flatnonzero(marks[:count])
    following = starts + table.take(starts)
    wrong = np.flatnonzero(following != np.append(starts[1:], count))
    if len(wrong):
        starts = _repaired(jumps, marks, starts, wrong)
    last = int(starts[-1])
    if last + jumps[last] != count:
        raise MalformedTraceError("an event runs past its batch")
    return starts


def _walk(jumps: bytes, count: int) -> NDArray[np.int64]:
    starts = []
    at = 0
    while at < count:
        starts.append(at)
        at += jumps[at]
    if at != count:
        raise MalformedTraceError("an event runs past its batch")
    return np.array(starts, np.int64)


def _mark_by_lanes(table: NDArray[np.uint8], count: int) -> NDArray[np.bool_]:
    """Marks at every place a lane stepped on; the true chain is all marked or nearly so."""
    # No event is one number long: what seems so shows a lane that is out of step. Equal events
    # could hold it there for ever, so it then goes anywhere near.
    steps_from = table + (table == 1) * np.resize(_ANYWHERE, len(table))
    lanes = min(_LANES, count // 256)
    width = -(-count // lanes)
    place = np.minimum(np.arange(lanes, dtype=np.int64) * width, count)
    jump = np.empty(lanes, np.uint8)
    for _ in range(_RUN_UP):
        steps_from.take(place, out=jump, mode="clip")
        place += jump
    place[0] = 0
    # A lane out of step may run past the end; the one before it need not follow it there.
    np.minimum(place, count, out=place)
    bounds = np.append(place[1:], count)
    marks = np.zeros(count + _MOST, np.bool_)
    path = np.empty((_STRIDE, lanes), np.int64)
    while (place < bounds).any():
        for at in path:
            at[:] = place
            steps_from.take(place, out=jump, mode="clip")
            place += jump
        marks[path.reshape(-1)] = True
    return marks


def _repaired(
    jumps: bytes,
    marks: NDArray[np.bool_],
    starts: NDArray[np.int64],
    wrong: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The true chain, given the starts whose next mark is not their successor.

    A plain walk from each of them; where it comes upon a mark it is in step again, and the chain
    goes on as marked until the next wrong link. Marks that it passed by were none of the chain's.
    """
    count = len(jumps)
    marked = marks.tobytes()
    parts: list[NDArray[np.int64]] = []
    resumed = 0
    for link in wrong.tolist():
        if link < resumed:
            continue
        parts.append(starts[resumed : link + 1])
        at = int(starts[link])
        at += jumps[at]
        between = []
        while at < count and not marked[at]:
            between.append(at)
            at += jumps[at]
        if between:
            parts.append(np.array(between, np.int64))
        resumed = int(np.searchsorted(starts, at))
    parts.append(starts[resumed:])
    return np.concatenate(parts)
