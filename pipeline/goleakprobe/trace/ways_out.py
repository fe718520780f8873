"""Which blocked goroutines can still be woken, by who ever woke them.

A goroutine that the runtime woke (a timer, the network poller) or that a goroutine woke which can
still run may be woken again. Where neither is left, all past wakers are gone or blocked without a
way out themselves; those that are blocked on each other form wait cycles. A goroutine that was
never woken where it waits says nothing: its waker may simply not have come yet.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from goleakprobe.trace.living import NEVER, Living
from goleakprobe.trace.states import State
from goleakprobe.trace.wire import NO_GOROUTINE

__all__ = ["WayOut", "find_cycles", "ways_out"]

Longs = NDArray[np.int64]


class WayOut(IntEnum):
    """The best way out that a blocked goroutine has."""

    NEVER = 0
    """Never woken there in the window: nothing is known."""
    GONE = 1
    """Every remembered waker has exited."""
    STUCK = 2
    """Some remembered waker lives, but none that could still run."""
    ALIVE = 3
    """A remembered waker can still run."""
    RUNTIME = 4
    """The runtime woke it."""
    NOT_BLOCKED = 5


def ways_out(living: Living) -> NDArray[np.uint8]:
    """The way out of every live goroutine."""
    blocked = living.state == State.WAITING
    wakers = living.wakers
    rows = living.find(wakers.reshape(-1)).reshape(wakers.shape)
    ever = (wakers != NEVER).any(axis=1)
    by_runtime = (wakers == NO_GOROUTINE).any(axis=1)
    lives = rows >= 0
    # Nodes without a way out: begin with all blocked ones that were woken by goroutines alone, and
    # take out whoever has a live waker outside, until nothing changes.
    stuck = blocked & ever & ~by_runtime
    while True:
        outside = lives & ~stuck[np.where(lives, rows, 0)]
        freed = stuck & outside.any(axis=1)
        if not freed.any():
            break
        stuck &= ~freed
    result = np.full(len(living), WayOut.ALIVE, np.uint8)
    result[by_runtime] = WayOut.RUNTIME
    result[stuck] = WayOut.STUCK
    result[stuck & ~lives.any(axis=1)] = WayOut.GONE
    result[~ever] = WayOut.NEVER
    result[~blocked] = WayOut.NOT_BLOCKED
    return result


def find_cycles(living: Living, ways: NDArray[np.uint8]) -> list[list[int]]:
    """Rows of the goroutines of each wait cycle: stuck, and each woken by all the others in turn.

    A goroutine that only ever woke itself is not one. Tarjan's algorithm without recursion.
    """
    stuck = np.flatnonzero(ways == WayOut.STUCK)
    wakers = living.wakers[stuck]
    rows = living.find(wakers.reshape(-1)).reshape(wakers.shape)
    edges: dict[int, list[int]] = {}
    for node, targets in zip(stuck.tolist(), rows, strict=True):
        edges[node] = sorted({row for row in targets.tolist() if row >= 0 and row != node})
    return [sorted(group) for group in _components(edges) if len(group) > 1]


def _components(edges: dict[int, list[int]]) -> list[list[int]]:
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    path: list[int] = []
    on_path: set[int] = set()
    found: list[list[int]] = []
    for root in edges:
        if root in index:
            continue
        work = [(root, 0)]
        while work:
            node, at = work.pop()
            if at == 0:
                index[node] = low[node] = len(index)
                path.append(node)
                on_path.add(node)
            targets = [target for target in edges[node] if target in edges]
            if at:
                low[node] = min(low[node], low[targets[at - 1]])
            while at < len(targets) and targets[at] in index:
                if targets[at] in on_path:
                    low[node] = min(low[node], index[targets[at]])
                at += 1
            if at < len(targets):
                work.append((node, at + 1))
                work.append((targets[at], 0))
            elif low[node] == index[node]:
                found.append(_pop_group(path, on_path, node))
    return found


def _pop_group(path: list[int], on_path: set[int], node: int) -> list[int]:
    group: list[int] = []
    while not group or group[-1] != node:
        group.append(path.pop())
        on_path.discard(group[-1])
    return group
