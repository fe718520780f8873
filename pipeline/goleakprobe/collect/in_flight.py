"""A bound on what was given to the broker and is not acknowledged yet."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

__all__ = ["InFlight"]


class InFlight:
    """Messages and bytes on their way; reserving waits, in order, while both would be exceeded.

    kafka-python 3 takes every message at once and keeps it in memory, so a broker that hangs would
    otherwise fill the memory of the collector. A reservation over the limits is granted when
    nothing else is on its way. Use it from one event loop.
    """

    def __init__(self, *, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[asyncio.Future[None], int, int]] = deque()
        self.messages = 0
        self.bytes = 0

    async def reserve(self, messages: int, size_bytes: int) -> None:
        """Wait for room and take it."""
        if not self._waiting and self._fits(messages, size_bytes):
            self._take(messages, size_bytes)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (turn, messages, size_bytes)
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(messages, size_bytes)
            else:
                with suppress(ValueError):
                    self._waiting.remove(entry)
                self._wake()
            raise

    def release(self, messages: int, size_bytes: int) -> None:
        """Give room back; whoever waits longest is served first."""
        self.messages -= messages
        self.bytes -= size_bytes
        self._wake()

    def _fits(self, messages: int, size_bytes: int) -> bool:
        if self.messages == 0:
            return True
        return (
            self.messages + messages <= self._max_messages
            and self.bytes + size_bytes <= self._max_bytes
        )

    def _take(self, messages: int, size_bytes: int) -> None:
        self.messages += messages
        self.bytes += size_bytes

    def _wake(self) -> None:
        while self._waiting and self._fits(*self._waiting[0][1:]):
            turn, messages, size_bytes = self._waiting.popleft()
            if not turn.done():
                self._take(messages, size_bytes)
                turn.set_result(None)
