"""One execution trace of a target, decoded while it arrives."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.errors import NotAProfileError, ScrapeError
from goleakprobe.trace import (
    Caps,
    Limits,
    TraceAnalysis,
    TraceError,
    TraceReport,
    UnsupportedVersionError,
)
from goleakprobe_schemas import ScrapeCost

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from goleakprobe.collect.scrape import Scraper, Streamed

__all__ = ["TraceUnsupportedError", "Traced", "take_trace"]

# Ids beyond what an event tells are needed to choose those it tells.
_CAPS = Caps(blocked_per_flow=40, blocked=8000)


class TraceUnsupportedError(ScrapeError):
    """The target's Go writes traces of a version that is not read."""

    outcome = "unsupported"


class Traced(msgspec.Struct, frozen=True, kw_only=True):
    """What one trace shows and what it cost."""

    report: TraceReport
    cost: ScrapeCost
    time_ns: int
    """Our clock when the answer was complete."""
    cut: str = ""
    """Why the answer ended before its end, in words; what was whole before is in the report."""


class _EndedError(Exception):
    """The decoder has refused the trace: nothing more of the answer is wanted."""


async def take_trace(
    scraper: Scraper, url: str, *, threads: Executor, limit_bytes: int, timeout_seconds: float
) -> Traced:
    """Fetch a trace and decode it as it comes; reading never waits for the decoder.

    A target that is read too slowly would keep its trace in its own memory. Ours is bounded by
    ``limit_bytes``, of which the decoder takes up to 40 times as much for one second of trace.

    Raises ScrapeError; an answer that is cut, too long or too late counts as far as it is whole.
    """
    decoding = _Decoding(threads, limit_bytes)
    answer: Streamed | None = None
    cut: ScrapeError | None = None
    try:
        try:
            answer = await scraper.stream(
                url, decoding.take, limit_bytes=limit_bytes, timeout_seconds=timeout_seconds
            )
        except _EndedError:
            pass
        except ScrapeError as error:
            if not decoding.received_bytes:
                raise
            cut = error
        time_ns = time.time_ns()
        report = await decoding.finish()
    except UnsupportedVersionError as error:
        raise TraceUnsupportedError(str(error)) from error
    except TraceError as error:
        raise (cut or NotAProfileError(str(error))) from error
    finally:
        await decoding.drop()
    cost = ScrapeCost(
        wall_seconds=answer.wall_seconds if answer else decoding.seconds,
        body_bytes=answer.received_bytes if answer else decoding.received_bytes,
        decoded_bytes=decoding.received_bytes,
        decode_seconds=decoding.cpu_seconds,
    )
    return Traced(report=report, cost=cost, time_ns=time_ns, cut=str(cut or ""))


class _Decoding:
    """Chunks on their way through the decoder, which works in a thread."""

    def __init__(self, threads: Executor, limit_bytes: int) -> None:
        self._threads = threads
        self._analysis = TraceAnalysis(Limits(generation_bytes=limit_bytes), caps=_CAPS)
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._started = time.perf_counter()
        self.received_bytes = 0
        self.cpu_seconds = 0.0
        self._task = asyncio.create_task(self._decode())

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def take(self, chunk: bytes) -> None:
        """Put a chunk in line; _EndedError once the decoder refuses the trace."""
        if self._task.done():
            raise _EndedError
        self.received_bytes += len(chunk)
        self._chunks.put_nowait(chunk)

    async def finish(self) -> TraceReport:
        """The report, once everything in line is decoded; raises TraceError."""
        self._chunks.put_nowait(None)
        return await self._task

    async def drop(self) -> None:
        """Stop; harmless when it has ended."""
        self._task.cancel()
        with suppress(asyncio.CancelledError, TraceError):
            await self._task

    async def _decode(self) -> TraceReport:
        loop = asyncio.get_running_loop()
        while (chunk := await self._chunks.get()) is not None:
            await loop.run_in_executor(self._threads, self._feed, chunk)
        return await loop.run_in_executor(self._threads, self._finish)

    def _feed(self, chunk: bytes) -> None:
        started = time.thread_time()
        try:
            self._analysis.feed(chunk)
        finally:
            self.cpu_seconds += time.thread_time() - started

    def _finish(self) -> TraceReport:
        started = time.thread_time()
        try:
            return self._analysis.finish()
        finally:
            self.cpu_seconds += time.thread_time() - started
