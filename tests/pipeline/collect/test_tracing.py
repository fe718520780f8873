"""A trace is decoded as it comes; what arrived whole counts, whatever becomes of the rest."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from collect_targets import answering, endless, job, serving
from goleakprobe.collect.scrape import Scraper
from goleakprobe.collect.tracing import Traced, TraceUnsupportedError, take_trace
from goleakprobe.errors import (
    BodyTooLargeError,
    HttpStatusError,
    NotAProfileError,
    ScrapeTimeoutError,
)
from traced_leaks import leaky_trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from collect_targets import Handler

LIMIT = 1 << 22


@asynccontextmanager
async def tracing(handler: Handler) -> AsyncIterator[tuple[Scraper, str, ThreadPoolExecutor]]:
    with ThreadPoolExecutor(1) as threads:
        async with serving(handler) as address, Scraper(job(address)) as scraper:
            yield scraper, f"http://{address}/debug/pprof/trace?seconds=1", threads


async def trace_of(handler: Handler, *, limit: int = LIMIT, patience: float = 20) -> Traced:
    async with tracing(handler) as (scraper, url, threads):
        return await take_trace(
            scraper, url, threads=threads, limit_bytes=limit, timeout_seconds=patience
        )


def in_pieces(body: bytes, size: int, *, then_hang: bool = False) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(body), size):
            await response.write(body[start : start + size])
            await asyncio.sleep(0)
        if then_hang:
            await asyncio.Event().wait()
        return response

    return answer


@pytest.mark.parametrize("size", [1 << 20, 777])
async def test_a_trace_in_any_pieces_gives_the_same_window(size: int) -> None:
    body = leaky_trace(generations=2)
    traced = await trace_of(in_pieces(body, size))
    window = traced.report.window
    assert (window.generations, window.lost_bytes, traced.cut) == (2, 0, "")
    (suspect,) = traced.report.suspects
    assert (suspect.leaked, suspect.wait) == (60, "chan send")
    assert traced.cost.body_bytes == traced.cost.decoded_bytes == len(body)
    assert traced.cost.decode_seconds > 0


async def test_a_cut_answer_counts_as_far_as_it_is_whole() -> None:
    body = leaky_trace(generations=2)
    traced = await trace_of(answering(body[: len(body) - 100]))
    assert traced.report.window.generations == 1
    assert 0 < traced.report.window.lost_bytes < len(body)
    assert traced.report.window.damages


async def test_a_trace_over_the_limit_is_read_to_the_limit() -> None:
    body = leaky_trace(generations=40)
    traced = await trace_of(in_pieces(body, 4096), limit=len(body) // 2)
    assert 0 < traced.report.window.generations < 40
    assert "trace_size_limit" in traced.cut


async def test_a_target_that_stops_half_way_is_waited_for_until_the_timeout() -> None:
    traced = await trace_of(in_pieces(leaky_trace(), 4096, then_hang=True), patience=0.5)
    assert traced.report.window.generations == 1
    assert "0.5 s" in traced.cut


async def test_one_that_says_nothing_whole_in_time_is_a_timeout() -> None:
    with pytest.raises(ScrapeTimeoutError):
        await trace_of(in_pieces(leaky_trace()[:200], 50, then_hang=True), patience=0.5)


async def test_a_limit_smaller_than_the_first_generation_leaves_nothing() -> None:
    with pytest.raises(BodyTooLargeError, match="trace_size_limit"):
        await trace_of(answering(leaky_trace()), limit=300)


@pytest.mark.parametrize("body", [b"<html>login</html>" * 10, b"\x1f\x8b" + bytes(100), b""])
async def test_what_is_no_trace_is_refused(body: bytes) -> None:
    with pytest.raises(NotAProfileError, match="not a Go execution trace"):
        await trace_of(answering(body))


async def test_bytes_without_end_that_are_no_trace_are_not_read_to_the_limit() -> None:
    async with asyncio.timeout(20):
        with pytest.raises(NotAProfileError):
            await trace_of(endless, limit=1 << 40)


async def test_a_version_that_is_not_read_is_named() -> None:
    with pytest.raises(TraceUnsupportedError, match=r"1\.21"):
        await trace_of(answering(b"go 1.21 trace\0\0\0" + bytes(100)))


async def test_a_target_without_traces_says_so() -> None:
    with pytest.raises(HttpStatusError, match="404"):
        await trace_of(answering(status=404))


async def test_cancelling_leaves_no_task_and_no_connection_behind() -> None:
    started = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        started.set()
        return await in_pieces(leaky_trace(), 4096, then_hang=True)(request)

    async with tracing(hang) as (scraper, url, threads):
        task = asyncio.create_task(
            take_trace(scraper, url, threads=threads, limit_bytes=LIMIT, timeout_seconds=60)
        )
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ours = [t for t in asyncio.all_tasks() if "_decode" in repr(t)]
        assert not ours
