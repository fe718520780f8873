"""What is on its way is bounded, in order, and survives impatience."""

from __future__ import annotations

import asyncio

import pytest

from goleakprobe.collect.in_flight import InFlight


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_reserving_waits_at_either_limit() -> None:
    for limit in (InFlight(max_messages=2, max_bytes=1000), InFlight(max_messages=9, max_bytes=20)):
        await limit.reserve(2, 20)
        third = asyncio.create_task(limit.reserve(1, 1))
        await turns()
        assert not third.done()
        limit.release(1, 10)
        await third
        assert (limit.messages, limit.bytes) == (2, 11)


async def test_who_waits_longest_is_served_first() -> None:
    limit = InFlight(max_messages=10, max_bytes=100)
    await limit.reserve(1, 90)
    served: list[str] = []

    async def reserve(name: str, size: int) -> None:
        await limit.reserve(1, size)
        served.append(name)

    large = asyncio.create_task(reserve("large", 50))
    await turns()
    small = asyncio.create_task(reserve("small", 5))
    await turns()
    assert served == [], "a small one must not starve the large one before it"
    limit.release(1, 90)
    await asyncio.gather(large, small)
    assert served == ["large", "small"]


async def test_something_larger_than_the_limit_goes_alone() -> None:
    limit = InFlight(max_messages=10, max_bytes=100)
    await limit.reserve(1, 500)
    other = asyncio.create_task(limit.reserve(1, 1))
    await turns()
    assert not other.done()
    limit.release(1, 500)
    await other


async def test_a_waiter_that_gives_up_leaves_no_trace() -> None:
    limit = InFlight(max_messages=1, max_bytes=100)
    await limit.reserve(1, 1)
    waiting = [asyncio.create_task(limit.reserve(1, 1)) for _ in range(3)]
    await turns()
    waiting[0].cancel()
    await turns()
    limit.release(1, 1)
    waiting[1].cancel()  # granted and cancelled in the same turn of the loop
    await asyncio.wait_for(waiting[2], 5)
    assert (limit.messages, limit.bytes) == (1, 1)
    for task in waiting[:2]:
        with pytest.raises(asyncio.CancelledError):
            await task
