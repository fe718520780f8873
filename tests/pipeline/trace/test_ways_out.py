"""Who can still be woken follows from who woke them."""

from __future__ import annotations

import numpy as np

from goleakprobe.trace.living import Living
from goleakprobe.trace.states import State
from goleakprobe.trace.ways_out import WayOut, find_cycles, ways_out


def living(rows: dict[int, tuple[State, list[int]]]) -> Living:
    """Goroutine → (state, wakers)."""
    none = Living.none()
    count = len(rows)
    wakers = np.full((count, none.wakers.shape[1]), -2)
    for at, (_, woken_by) in enumerate(rows.values()):
        wakers[at, : len(woken_by)] = woken_by
    zeros = np.zeros(count, np.int64)
    return Living(
        goroutine=np.array(list(rows)),
        state=np.array([state for state, _ in rows.values()], np.uint8),
        since_ns=zeros,
        earlier=zeros.astype(bool),
        waits_at=zeros,
        stack=zeros.astype(np.int32),
        created_at=zeros,
        born_ns=zeros,
        wakes=zeros,
        woken_at=zeros,
        wakers=wakers,
    )


B, R = State.WAITING, State.RUNNING


def test_each_way_out():
    lives = living(
        {
            1: (R, []),
            2: (B, []),
            3: (B, [-1, 99]),
            4: (B, [99, 98]),
            5: (B, [99, 1]),
            6: (B, [4]),
            7: (B, [5]),
        }
    )
    assert [WayOut(way).name for way in ways_out(lives)] == [
        "NOT_BLOCKED",
        "NEVER",
        "RUNTIME",
        "GONE",
        "ALIVE",
        "STUCK",
        "ALIVE",
    ]


def test_a_waker_that_may_yet_be_woken_is_a_way_out():
    """A goroutine never woken says nothing, so whoever it woke is not stuck either."""
    assert ways_out(living({2: (B, []), 3: (B, [2])}))[1] == WayOut.ALIVE


def test_goroutines_that_only_each_other_woke_are_a_cycle():
    lives = living(
        {1: (R, []), 2: (B, [3]), 3: (B, [2, 77]), 4: (B, [2]), 5: (B, [6]), 6: (B, [5, 1])}
    )
    ways = ways_out(lives)
    assert ways.tolist()[1:4] == [WayOut.STUCK] * 3
    assert [lives.goroutine[group].tolist() for group in find_cycles(lives, ways)] == [[2, 3]]


def test_long_chains_and_large_cycles_need_no_recursion():
    count = 5000
    ring = {number: (B, [number % count + 1]) for number in range(1, count + 1)}
    lives = living(ring)
    [group] = find_cycles(lives, ways_out(lives))
    assert len(group) == count


def test_a_goroutine_that_woke_itself_is_no_cycle():
    lives = living({2: (B, [2])})
    assert find_cycles(lives, ways_out(lives)) == []
