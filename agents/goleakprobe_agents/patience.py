"""Waiting for a dependency that fails for now: consumption stands still, nothing is lost."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, TypeVar

import structlog

from goleakprobe_agents.errors import StoppingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Patience"]

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 15.0


class Patience:
    """Retries until it works or the worker stops.

    ``waiting_for`` tells the watchdog and the status why nothing moves; it is empty otherwise.
    """

    def __init__(self, *, first_wait_seconds: float = _FIRST_WAIT_SECONDS) -> None:
        self.waiting_for = ""
        self.failures = 0
        self._first_wait_seconds = first_wait_seconds
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let everything that waits raise StoppingError."""
        self._stopping.set()

    async def until_it_works(self, dependency: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """The attempt's answer; OSError is retried with growing waits, all else is raised."""
        wait = self._first_wait_seconds
        while True:
            try:
                answer = await attempt()
            except OSError as error:
                self.failures += 1
                self.waiting_for = f"{dependency}: {error}"
                _log.error(
                    "dependency_fails",
                    dependency=dependency,
                    reason=str(error),
                    retry_in_seconds=round(wait, 1),
                )
            else:
                if self.waiting_for:
                    _log.warning("dependency_works_again", dependency=dependency)
                self.waiting_for = ""
                return answer
            await self._pause(dependency, wait * random.uniform(0.8, 1.2))
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    async def unless_stopped(self, work: Awaitable[T]) -> T:
        """The work's answer; once told to stop it is cancelled, and StoppingError raised."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise StoppingError("told to stop")
            return working.result()
        finally:
            stopping.cancel()
            working.cancel()

    async def _pause(self, dependency: str, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
        raise StoppingError(f"told to stop while {dependency} fails")
