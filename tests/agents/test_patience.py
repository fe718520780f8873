"""A failing dependency is waited for, told about, and never hides a stop."""

from __future__ import annotations

import asyncio

import pytest

from goleakprobe_agents.errors import StoppingError
from goleakprobe_agents.patience import Patience


async def test_it_tries_until_it_works_and_says_what_it_waits_for() -> None:
    patience = Patience(first_wait_seconds=0.001)
    told: list[str] = []

    async def attempt() -> str:
        told.append(patience.waiting_for)
        if len(told) < 3:
            raise OSError(28, "No space left on device")
        return "done"

    assert await patience.until_it_works("lake", attempt) == "done"
    assert told == ["", *["lake: [Errno 28] No space left on device"] * 2]
    assert patience.waiting_for == ""
    assert patience.failures == 2


async def test_a_bug_is_not_waited_for() -> None:
    async def attempt() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Patience().until_it_works("lake", attempt)


async def test_work_that_may_be_broken_off_is_by_a_stop() -> None:
    patience = Patience()
    assert await patience.unless_stopped(asyncio.sleep(0, "done")) == "done"
    begun, broken_off = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()

    working = asyncio.create_task(patience.unless_stopped(work()))
    await begun.wait()
    patience.stop()
    with pytest.raises(StoppingError):
        await working
    await broken_off.wait()


async def test_a_stop_ends_the_wait() -> None:
    patience = Patience(first_wait_seconds=3600)
    tried = asyncio.Event()

    async def attempt() -> None:
        tried.set()
        raise OSError("away")

    waiting = asyncio.create_task(patience.until_it_works("lake", attempt))
    await tried.wait()
    patience.stop()
    with pytest.raises(StoppingError, match="lake"):
        await waiting
