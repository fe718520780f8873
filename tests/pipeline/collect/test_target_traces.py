"""A visit takes a trace when one is due, and never beside another heavy scrape."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from collect_targets import (
    GoTarget,
    RecordingPublisher,
    dump_text,
    grouped_text,
    job,
    serving,
    target_of,
)
from goleakprobe.collect.metrics import CollectorMetrics
from goleakprobe.collect.scrape import Scraper
from goleakprobe.collect.shared_means import SharedMeans
from goleakprobe.collect.status import CollectorStatus, TargetStatus
from goleakprobe.collect.target_visits import TargetVisits
from goleakprobe.config import CollectSettings
from goleakprobe_agents.settings import Duration
from goleakprobe_schemas import LIFECYCLES, SNAPSHOTS, STACKS, LifecycleTraced
from traced_leaks import leaky_trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVERY_TIME = {"trace_interval": Duration(1e-9), "trace_min_interval": Duration(1e-9)}


class TracedTarget(GoTarget):
    """A target that answers traces too, slowly enough to be overlapped."""

    def __init__(self) -> None:
        super().__init__()
        self.trace: bytes | None = leaky_trace()

    @property
    def traces(self) -> list[str]:
        return [path for path in self.requests if "/trace?" in path]

    @property
    def heavy_requests(self) -> list[str]:
        return [*super().heavy_requests, *self.traces]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/debug/pprof/trace" and self.trace is not None:
            self.requests.append(request.path_qs)
            return await self._heavily(request, self.trace)
        return await super().answer(request)


class Scene:
    def __init__(self, target: TracedTarget, shared: SharedMeans, publisher: RecordingPublisher):
        self.target, self.shared, self.publisher = target, shared, publisher

    def visits(self, scraper: Scraper, name: str = "shop", **settings: object) -> TargetVisits:
        its_job = job(self.target.address, name=name, **settings)  # type: ignore[arg-type]
        return TargetVisits(
            target_of(self.target.address, its_job),
            its_job,
            scraper=scraper,
            shared=self.shared,
            status=TargetStatus(),
        )

    def windows(self) -> list[LifecycleTraced]:
        return [output.event for output in self.publisher.of(LIFECYCLES)]  # type: ignore[misc]

    def outcomes(self, outcome: str) -> float | None:
        return self.shared.metrics.registry.get_sample_value(
            "goleakprobe_collect_scrapes_total", {"source": "trace", "outcome": outcome}
        )


@asynccontextmanager
async def scene() -> AsyncIterator[tuple[Scene, Scraper]]:
    target, publisher = TracedTarget(), RecordingPublisher()
    with ThreadPoolExecutor(1) as threads:
        async with serving(target.answer) as target.address, Scraper(job()) as scraper:
            shared = SharedMeans(
                CollectSettings(),
                publisher=publisher,
                threads=threads,
                metrics=CollectorMetrics(CollectorStatus()),
            )
            yield Scene(target, shared, publisher), scraper


async def test_a_due_trace_follows_the_routine_scrape() -> None:
    async with scene() as (at, scraper):
        await at.visits(scraper, **EVERY_TIME).visit()
        assert at.target.traces == ["/debug/pprof/trace?seconds=1"]
        (window,) = at.windows()
        snapshot = at.publisher.of(SNAPSHOTS)[0].event
        assert window.process_start_ns == snapshot.process_start_ns  # type: ignore[attr-defined]
        assert window.go_version == "go1.27.3"
        assert window.flows[0].evidence
        signatures = {output.event.signature for output in at.publisher.of(STACKS)}  # type: ignore[attr-defined]
        assert window.flows[0].signature in signatures
        assert at.outcomes("ok") == 1


async def test_a_stack_that_a_trace_brought_is_not_published_again() -> None:
    async with scene() as (at, scraper):
        visits = at.visits(scraper, **EVERY_TIME)
        await visits.visit()
        before = len(at.publisher.of(STACKS))
        await visits.visit()
        assert len(at.windows()) == 2
        assert len(at.publisher.of(STACKS)) == before


async def test_goroutines_that_pile_up_are_looked_into() -> None:
    settings = {"trace_interval": Duration(1e9), "trace_min_interval": Duration(1e-9)}
    async with scene() as (at, scraper):
        visits = at.visits(scraper, **settings)
        await visits.visit()
        assert at.target.traces == []
        at.target.goroutine["0"] = grouped_text({"leak": 300})
        await visits.visit()
        assert len(at.target.traces) == 1


async def test_a_trace_asked_for_is_taken_once() -> None:
    async with scene() as (at, scraper):
        visits = at.visits(scraper, trace_seconds=Duration(2.5))
        await visits.visit()
        visits.request_trace()
        await visits.visit()
        await visits.visit()
        assert at.target.traces == ["/debug/pprof/trace?seconds=2.5"]


async def test_a_round_has_room_for_one_heavy_scrape() -> None:
    async with scene() as (at, scraper):
        visits = at.visits(scraper, debug2_interval=Duration(1e-9), **EVERY_TIME)
        await visits.visit()
        assert (len(at.target.heavy_requests), at.target.traces) == (1, [])


async def test_a_trace_never_runs_beside_another_heavy_scrape_of_the_process() -> None:
    async with scene() as (at, scraper):
        at.target.goroutine["2"] = dump_text(range(1, 50))
        tracing = at.visits(scraper, **EVERY_TIME)
        dumping = at.visits(scraper, name="alias", debug2_interval=Duration(1e-9))
        for _ in range(5):
            await asyncio.gather(tracing.visit(), dumping.visit())
        assert len(at.target.heavy_requests) == 10
        assert at.target.heavy_at_once == 1


async def test_who_finds_another_trace_under_way_tries_at_the_next_visit() -> None:
    async with scene() as (at, scraper):
        visits = at.visits(scraper, **EVERY_TIME)
        async with at.shared.traces:
            await visits.visit()
            assert at.target.traces == []
        await visits.visit()
        assert len(at.target.traces) == 1


async def test_a_process_without_traces_is_asked_once_until_it_restarts() -> None:
    async with scene() as (at, scraper):
        at.target.trace = None
        visits = at.visits(scraper, **EVERY_TIME)
        for _ in range(3):
            await visits.visit()
        assert len(at.target.traces) == 1
        assert at.outcomes("http_status") == 1
        at.target.trace = leaky_trace()
        at.target.metrics = b"process_start_time_seconds 1.8e+09\n"
        await visits.visit()
        assert len(at.windows()) == 1


async def test_a_trace_that_cannot_be_read_leaves_the_target_up() -> None:
    async with scene() as (at, scraper):
        at.target.trace = b"go 1.21 trace\0\0\0" + bytes(50)
        visits = at.visits(scraper, **EVERY_TIME)
        await visits.visit()
        await visits.visit()
        assert at.outcomes("unsupported") == 1
        assert len(at.publisher.of(SNAPSHOTS)) == 2
        assert at.windows() == []
