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

_LANES = 512
# Events a lane walks before it marks any: most lanes are in step after three.
_RUN_UP = 16
_FEWEST = 4096


def find_event_starts(jumps: bytes) -> NDArray[np.int64]:
    """Indices of the numbers that begin an event.

    ``jumps`` says for each number how many numbers an event that begins there has, at least 1 and
    at most 8. Raises MalformedTraceError when the last event runs past the end.
    """
    count = len(jumps)
    if count < _FEWEST:
        return _walk(jumps, count)
    following = np.empty(count + 8, np.int64)
    following[:count] = np.frombuffer(jumps, np.uint8)
    following[count:] = 0
    following += np.arange(count + 8)
    marks = _mark_by_lanes(following, count)
    starts = np.flatnonzero(marks[:count])
    wrong = np.flatnonzero(following.take(starts[:-1]) != starts[1:])
    if len(wrong):
        _repair(jumps, marks, starts, wrong)
        starts = np.flatnonzero(marks[:count])
    if int(following[starts[-1]]) != count:
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


def _mark_by_lanes(following: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Marks at every place a lane stepped on; the true chain is all marked or nearly so."""
    lanes = min(_LANES, count // 256)
    width = -(-count // lanes)
    place = np.minimum(np.arange(lanes, dtype=np.int64) * width, count)
    for _ in range(_RUN_UP):
        place = following.take(place)
    place[0] = 0
    # A lane out of step may run past the end; the one before it need not follow it there.
    bounds = np.minimum(np.append(place[1:], count), count)
    marks = np.zeros(len(following), np.bool_)
    steps = max(16, width // 4)
    path = np.empty((steps, lanes), np.int64)
    while True:
        path[0] = place
        for step in range(1, steps):
            following.take(path[step - 1], out=path[step], mode="clip")
        marks[path.reshape(-1)] = True
        last = path[-1]
        if (last >= bounds).all():
            return marks
        place = following.take(last)
        steps = max(8, steps // 8)
        path = path[:steps]


def _repair(
    jumps: bytes,
    marks: NDArray[np.bool_],
    starts: NDArray[np.int64],
    wrong: NDArray[np.int64],
) -> None:
    """Make the marks the true chain, given the starts whose next mark is not their successor."""
    count = len(jumps)
    marked = bytearray(marks.tobytes())
    marked[0] = 1
    done = 0
    for begin in starts.take(wrong).tolist():
        if begin < done or not marked[begin]:
            continue
        at = begin
        while at < count:
            after = at + jumps[at]
            for stray in range(at + 1, min(after, count)):
                marked[stray] = 0
            at = after
            # In step again: the chain goes on as marked until the next wrong link.
            if at < count and marked[at] and at > begin:
                break
            if at < count:
                marked[at] = 1
        done = at
    marks[:] = np.frombuffer(marked, np.bool_)
