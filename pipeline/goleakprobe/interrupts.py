"""Ctrl-C and SIGTERM as the end of a piece of asynchronous work, clean-up included."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["Interrupted", "StopSignal", "run_interruptible"]

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):  # noqa: N818 - like KeyboardInterrupt, it is no error
    """The work was cut short by a signal; its clean-up has been done."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number
        """What a shell expects of a program that a signal ended."""


class StopSignal:
    """The first signal: it ends a wait for it, and cancels work that does not wait for it."""

    def __init__(self, work: asyncio.Task[T]) -> None:
        self._work = work
        self._came = asyncio.Event()
        self._awaited = False
        self.number: int | None = None
        """The signal, once it came."""

    async def wait(self) -> None:
        """Go on when a signal comes; from now on none cancels the work."""
        self._awaited = True
        await self._came.wait()

    @property
    def cancelled_work(self) -> bool:
        """Whether the work was cancelled because nobody waited."""
        return self.number is not None and not self._awaited

    def receive(self, number: int) -> None:
        """Take a signal. Later ones change nothing: the clean-up is what they want too."""
        if self.number is None:
            self.number = number
            self._came.set()
            if not self._awaited:
                self._work.cancel()


def run_interruptible(work: Callable[[StopSignal], Coroutine[None, None, T]]) -> T:
    """Run work to its end, or to the end of its clean-up after a signal.

    Raises Interrupted if a signal cancelled it; work that awaits the signal returns as it likes.
    """

    async def run() -> T:
        begun = asyncio.Event()

        async def begin() -> T:
            await begun.wait()
            return await work(stop)

        task = asyncio.create_task(begin())
        stop = StopSignal(task)
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop.receive, number)
        begun.set()
        try:
            return await task
        except asyncio.CancelledError:
            if stop.cancelled_work and stop.number is not None:
                raise Interrupted(stop.number) from None
            raise

    return asyncio.run(run())
