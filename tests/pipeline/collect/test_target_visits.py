"""A visit publishes what a target offers, and no more than it can bear."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from collect_targets import (
    GoTarget,
    RecordingPublisher,
    dump_text,
    go_target,
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
from goleakprobe.errors import HttpStatusError, NotAProfileError, PublishError
from goleakprobe_agents.settings import Duration
from goleakprobe_schemas import RUNTIMES, SNAPSHOTS, STACKS, SnapshotSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVERY_TIME = Duration(1e-9)


class Scene:
    """One target, its visits and what was published."""

    def __init__(self, target: GoTarget, shared: SharedMeans, scraper: Scraper, **settings: object):
        self.target = target
        self.status = TargetStatus()
        self.publisher = shared.publisher
        assert isinstance(self.publisher, RecordingPublisher)
        settings_job = job(target.address, **settings)  # type: ignore[arg-type]
        self.visits = TargetVisits(
            target_of(target.address, settings_job),
            settings_job,
            scraper=scraper,
            shared=shared,
            status=self.status,
        )
        self.shared = shared

    @property
    def sources(self) -> list[SnapshotSource]:
        assert isinstance(self.publisher, RecordingPublisher)
        return [output.event.source for output in self.publisher.of(SNAPSHOTS)]  # type: ignore[attr-defined]


@asynccontextmanager
async def scene(**settings: object) -> AsyncIterator[Scene]:
    metrics = CollectorMetrics(CollectorStatus())
    with ThreadPoolExecutor(1) as threads:
        async with go_target() as target, Scraper(job(**settings)) as scraper:  # type: ignore[arg-type]
            shared = SharedMeans(
                CollectSettings(max_concurrent_scrapes=2),
                publisher=RecordingPublisher(),
                threads=threads,
                metrics=metrics,
            )
            yield Scene(target, shared, scraper, **settings)


async def test_a_visit_publishes_snapshot_stacks_and_runtime_figures() -> None:
    async with scene(request_metric="http_requests_total") as at:
        await at.visits.visit()
        outputs = at.publisher.outputs
    assert [output.topic for output in outputs] == [SNAPSHOTS, STACKS, STACKS, RUNTIMES]
    snapshot, runtime = outputs[0].event, outputs[-1].event
    assert snapshot.total == 5
    assert snapshot.requests_total == runtime.requests_total == 12.0
    assert snapshot.process_start_ns == runtime.process_start_ns == 1_700_000_000_000_000_000
    assert snapshot.go_version == at.status.go_version == "go1.27.3"
    assert snapshot.cost.wall_seconds > 0
    assert snapshot.cost.decode_seconds > 0
    assert runtime.goroutines == 42
    assert at.status.goroutines == 5


async def test_targets_that_were_silent_take_no_slot_from_those_that_answer() -> None:
    settings = job(scrape_timeout=60.0)
    asked = asyncio.Event()

    async def say_nothing(_: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async with (
        scene(scrape_timeout=60.0) as at,
        serving(say_nothing) as address,
        Scraper(settings) as scraper,
    ):
        status = TargetStatus()
        status.outcome = "timeout"
        silent = TargetVisits(
            target_of(address, settings),
            settings,
            scraper=scraper,
            shared=at.shared,
            status=status,
        )
        # Twice the slots that the scene has.
        waiting = [asyncio.create_task(silent.visit()) for _ in range(4)]
        await asked.wait()
        await at.visits.visit()
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
    assert at.sources == [SnapshotSource.DEBUG1]


async def test_stacks_are_published_once() -> None:
    async with scene() as at:
        await at.visits.visit()
        at.target.goroutine["0"] = grouped_text({"leak": 4, "new": 1})
        await at.visits.visit()
        assert len(at.publisher.of(STACKS)) == 3


async def test_a_stack_that_could_not_be_published_is_published_next_time() -> None:
    async with scene() as at:
        at.publisher.fail_next = PublishError("t", "no", retriable=False)
        with pytest.raises(PublishError):
            await at.visits.visit()
        await at.visits.visit()
        assert len(at.publisher.of(STACKS)) == 2


async def test_a_target_without_metrics_is_asked_for_them_once() -> None:
    async with scene() as at:
        at.target.metrics = None
        await at.visits.visit()
        await at.visits.visit()
        assert at.target.requests.count("/metrics") == 1
        assert [output.event.goroutines for output in at.publisher.of(RUNTIMES)] == [5, 5]


async def test_the_probe_for_the_leak_profile_costs_no_leak_profile() -> None:
    async with scene(leak_profile_interval=Duration(1e9)) as at:
        at.target.leak = grouped_text({"leak": 3}, kind="goroutineleak")
        await at.visits.visit()
        await at.visits.visit()
        probes = [path for path in at.target.requests if "goroutineleak" in path]
        assert probes == ["/debug/pprof/goroutineleak?seconds=0"]
        assert at.status.leak_profile == "offered"


async def test_a_process_without_the_leak_profile_is_probed_again_after_its_restart() -> None:
    async with scene(leak_profile_interval=Duration(1e9)) as at:
        await at.visits.visit()
        await at.visits.visit()
        assert at.status.leak_profile == "absent"
        assert sum("goroutineleak" in path for path in at.target.requests) == 1
        at.target.metrics = b"process_start_time_seconds 1.8e+09\n"
        at.target.leak = grouped_text({"leak": 3}, kind="goroutineleak")
        await at.visits.visit()
        assert at.status.leak_profile == "offered"
        assert at.publisher.of(SNAPSHOTS)[-1].event.process_start_ns == 1_800_000_000_000_000_000


async def test_a_due_leak_profile_follows_the_routine_one() -> None:
    async with scene(leak_profile_interval=EVERY_TIME, leak_profile_min_interval=EVERY_TIME) as at:
        at.target.leak = grouped_text({"leak": 3}, kind="goroutineleak")
        await at.visits.visit()
        assert at.sources[1] is SnapshotSource.LEAK
        leak = at.publisher.of(SNAPSHOTS)[1].event
        assert (leak.total, leak.groups[0].leaked) == (3, 3)


async def test_a_dump_brings_goroutine_ids_and_follows_only_small_routine_ones() -> None:
    async with scene(debug2_interval=EVERY_TIME, debug2_goroutine_limit=5) as at:
        await at.visits.visit()
        assert at.sources == [SnapshotSource.DEBUG1, SnapshotSource.DEBUG2]
        assert at.publisher.of(SNAPSHOTS)[1].event.groups[0].goroutine_ids == (5, 6, 7)
        at.target.goroutine["0"] = grouped_text({"leak": 6})
        await at.visits.visit()
        assert at.sources[2:] == [SnapshotSource.DEBUG1]
        at.visits.request_dump()
        await at.visits.visit()
        assert at.sources[3:] == [SnapshotSource.DEBUG1, SnapshotSource.DEBUG2]


async def test_a_heavy_scrape_that_fails_leaves_the_target_up() -> None:
    async with scene(debug2_interval=EVERY_TIME) as at:
        del at.target.goroutine["2"]
        await at.visits.visit()
        assert at.sources == [SnapshotSource.DEBUG1]


async def test_two_heavy_scrapes_of_one_process_never_overlap() -> None:
    async with scene(debug2_interval=EVERY_TIME) as at:
        at.target.goroutine["2"] = dump_text(range(1, 50))
        settings_job = job(at.target.address, name="alias", debug2_interval=EVERY_TIME)
        async with Scraper(settings_job) as scraper:
            alias = TargetVisits(
                target_of(at.target.address, settings_job),
                settings_job,
                scraper=scraper,
                shared=at.shared,
                status=TargetStatus(),
            )
            for _ in range(5):
                await asyncio.gather(at.visits.visit(), alias.visit())
        assert len(at.target.heavy_requests) == 10
        assert at.target.heavy_at_once == 1


async def test_a_handler_that_knows_only_text_is_asked_for_text() -> None:
    async with scene() as at:
        at.target.goroutine = {"1": grouped_text({"leak": 3}), "0": b"protobuf? no"}
        await at.visits.visit()
        await at.visits.visit()
        asked = [path for path in at.target.requests if path.endswith(("debug=0", "debug=1"))]
        assert [path[-1] for path in asked] == ["0", "1", "1"]
        assert at.sources == [SnapshotSource.DEBUG1] * 2


async def test_what_answers_no_form_is_reported_by_its_first_answer() -> None:
    async with scene() as at:
        at.target.goroutine = {"0": b"hello", "1": b"hello"}
        for _ in range(2):
            with pytest.raises(NotAProfileError):
                await at.visits.visit()
        assert sum("debug=1" in path for path in at.target.requests) == 1
        at.target.goroutine = {}
        with pytest.raises(HttpStatusError, match="404"):
            await at.visits.visit()


async def test_scrapes_are_counted_by_source_and_outcome() -> None:
    async with scene(leak_profile_interval=Duration(1e9)) as at:
        await at.visits.visit()
        at.target.goroutine = {}
        with pytest.raises(HttpStatusError):
            await at.visits.visit()
        registry = at.shared.metrics.registry

        def count(source: str, outcome: str) -> float | None:
            return registry.get_sample_value(
                "goleakprobe_collect_scrapes_total", {"source": source, "outcome": outcome}
            )

        assert count("debug0", "ok") == 1
        assert count("debug0", "http_status") == 1
        assert count("metrics", "ok") == 1
        assert count("probe", "ok") == 1
