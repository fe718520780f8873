"""Many targets, each on its own: one that breaks never stops the others."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from collect_targets import (
    RecordingPublisher,
    answering,
    bomb,
    circling,
    cut_short,
    endless,
    go_target,
    grouped_text,
    serving,
    silent,
)
from goleakprobe.collect import Collector, CollectorStatus
from goleakprobe.collect.metrics import CollectorMetrics
from goleakprobe.config import Config, FileSdConfig, ScrapeConfig, StaticConfig
from goleakprobe.errors import PublishError
from goleakprobe_agents.settings import Duration, Size
from goleakprobe_schemas import SNAPSHOTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from goleakprobe_agents.stage import Output

INTERVAL = 0.25
PATIENCE_SECONDS = 60


class Running:
    """A collector under way over a target list that a test rewrites."""

    def __init__(self, folder: Path) -> None:
        self.list = folder / "targets.json"
        self.publisher = RecordingPublisher()
        self.status = CollectorStatus()
        self.stop = asyncio.Event()
        self.collector: Collector
        self.task: asyncio.Task[None]

    def target(self, groups: dict[str, str]) -> None:
        """Write the list: service names to addresses."""
        entries = [{"targets": [a], "labels": {"service": s}} for s, a in groups.items()]
        temporary = self.list.with_suffix(".tmp")
        temporary.write_bytes(msgspec.json.encode(entries))
        temporary.rename(self.list)

    def count(self, service: str) -> int:
        return sum(o.event.service == service for o in self.publisher.of(SNAPSHOTS))  # type: ignore[attr-defined]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to come true; arrivals and time both may bring it about."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                if self.task.done():
                    self.task.result()
                    raise AssertionError("the collector ended")
                await asyncio.sleep(0.02)


@asynccontextmanager
async def collecting(
    tmp_path: Path, groups: dict[str, str], *, interval: float = INTERVAL
) -> AsyncIterator[Running]:
    """A scrape that takes longer than ``interval`` seconds times out."""
    running = Running(tmp_path)
    running.target(groups)
    config = Config(
        scrape_configs=(
            ScrapeConfig(
                job_name="all",
                scrape_interval=Duration(interval),
                body_size_limit=Size(1024 * 1024),
                file_sd_configs=(
                    FileSdConfig(files=(str(running.list),), refresh_interval=Duration(0.05)),
                ),
                leak_profile_interval=Duration(0),
                debug2_interval=Duration(0),
            ),
        )
    )
    running.collector = Collector(
        config,
        publisher=running.publisher,
        status=running.status,
        metrics=CollectorMetrics(running.status),
    )
    running.task = asyncio.create_task(running.collector.run(running.stop))
    try:
        yield running
    finally:
        running.stop.set()
        await asyncio.wait_for(running.task, PATIENCE_SECONDS)


async def test_one_broken_target_never_stops_the_others(tmp_path: Path) -> None:
    broken = {
        "page": answering(b"<html>", headers={"Content-Type": "text/html"}),
        "locked": answering(status=401),
        "elsewhere": answering(status=404),
        "endless": endless,
        "slow": silent,
        "cut": cut_short,
        "empty": answering(b""),
        "circle": circling,
        "bomb": answering(bomb(64 * 1024 * 1024)),
        "damaged": answering(b"\x1f\x8b\x08\x00" + b"\xff" * 100),
    }
    outcomes = {
        "page": "not_a_profile",
        "locked": "http_status",
        "elsewhere": "http_status",
        "endless": "too_large",
        "slow": "timeout",
        "cut": "unreachable",
        "empty": "not_a_profile",
        "circle": "http_status",
        "bomb": "too_large",
        "damaged": "not_a_profile",
        "refused": "unreachable",
    }
    async with AsyncExitStack() as servers:
        addresses = {
            name: await servers.enter_async_context(serving(answer))
            for name, answer in broken.items()
        }
        held = servers.enter_context(socket.socket())
        held.bind(("127.0.0.1", 0))
        addresses["refused"] = f"127.0.0.1:{held.getsockname()[1]}"
        healthy = await servers.enter_async_context(go_target())
        addresses["healthy"] = healthy.address
        # What is told apart here must not become a timeout because the machine is busy.
        async with collecting(tmp_path, addresses, interval=2.0) as running:
            of = {name: f"default/{name}/{address}" for name, address in addresses.items()}
            await running.until(
                lambda: (
                    running.count("healthy") >= 2
                    and all(
                        key in running.status.targets and running.status.targets[key].scrapes >= 2
                        for key in of.values()
                    )
                )
            )
            status = running.status
            found = {name: status.targets[of[name]].outcome for name in outcomes}
            assert found == outcomes
            assert (status.up, status.down) == (1, len(outcomes))
            assert set(status.errors) == {of[name] for name in outcomes}
            assert all(status.errors.values())


async def test_a_target_that_comes_back_is_up_again(tmp_path: Path) -> None:
    async with go_target() as target, collecting(tmp_path, {"shop": target.address}) as running:
        good = target.goroutine.pop("0")
        key = f"default/shop/{target.address}"
        await running.until(lambda: running.status.down == 1)
        assert "HTTP 404" in running.status.errors[key]
        assert running.status.targets[key].consecutive_failures >= 1
        target.goroutine["0"] = good
        await running.until(lambda: running.status.up == 1)
        assert running.status.errors == {}
        assert running.status.targets[key].consecutive_failures == 0
        assert running.status.targets[key].failures >= 1


async def test_targets_come_and_go_with_the_list(tmp_path: Path) -> None:
    async with go_target() as one, go_target() as two:
        async with collecting(tmp_path, {"one": one.address}) as running:
            await running.until(lambda: running.count("one") >= 1)
            running.target({"two": two.address})
            await running.until(lambda: running.count("two") >= 1)
            assert list(running.status.targets) == [f"default/two/{two.address}"]
            before = running.count("one")
            await running.until(lambda: running.count("two") >= 3)
            assert running.count("one") == before
            running.list.write_text("{")
            await running.until(lambda: bool(running.status.discovery_problems))
            before = running.count("two")
            await running.until(lambda: running.count("two") > before)
        assert running.status.discovery_problems[0].startswith(str(running.list))


async def test_a_missing_list_is_waited_for(tmp_path: Path) -> None:
    async with go_target() as target, collecting(tmp_path, {}) as running:
        running.list.unlink()
        await running.until(lambda: bool(running.status.discovery_problems))
        running.target({"shop": target.address})
        await running.until(lambda: running.count("shop") >= 1)
        assert running.status.discovery_problems == ()


async def test_events_the_broker_refuses_are_told_and_the_next_ones_sent(tmp_path: Path) -> None:
    async with go_target() as target, collecting(tmp_path, {}) as running:
        running.publisher.fail_next = PublishError("t", "too large", retriable=False)
        running.target({"shop": target.address})
        key = f"default/shop/{target.address}"
        await running.until(lambda: running.count("shop") >= 1)
        assert running.status.targets[key].failures == 1


async def test_a_defect_of_ours_costs_one_visit(tmp_path: Path) -> None:
    async with go_target() as target, collecting(tmp_path, {}) as running:
        running.publisher.fail_next = KeyError("a bug")
        running.target({"shop": target.address})
        await running.until(lambda: running.count("shop") >= 1)
        key = f"default/shop/{target.address}"
        assert running.status.targets[key].failures == 1


async def test_a_dump_can_be_asked_for_by_key(tmp_path: Path) -> None:
    async with go_target() as target, collecting(tmp_path, {"shop": target.address}) as running:
        target.goroutine["0"] = grouped_text({"leak": 50_000})
        assert not running.collector.request_dump("default/shop/nobody")
        key = f"default/shop/{target.address}"
        await running.until(lambda: running.collector.request_dump(key))
        await running.until(lambda: bool(target.heavy_requests))


class StuckPublisher(RecordingPublisher):
    """A broker that hangs: takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.full = asyncio.Event()
        self.go = asyncio.Event()

    async def publish(
        self, outputs: Sequence[Output], *, accepted: Callable[[], None] | None = None
    ) -> None:
        self.waiting += 1
        if self.waiting == 4:
            self.full.set()
        await self.go.wait()
        await super().publish(outputs, accepted=accepted)


async def test_a_broker_that_hangs_stops_the_scraping(tmp_path: Path) -> None:
    async with AsyncExitStack() as servers:
        targets = [await servers.enter_async_context(go_target()) for _ in range(12)]
        config = Config(
            collect=msgspec.structs.replace(Config().collect, max_concurrent_scrapes=4),
            scrape_configs=(
                ScrapeConfig(
                    job_name="all",
                    scrape_interval=Duration(INTERVAL),
                    metrics_path="",
                    leak_profile_interval=Duration(0),
                    debug2_interval=Duration(0),
                    static_configs=(
                        StaticConfig(targets=tuple(target.address for target in targets)),
                    ),
                ),
            ),
        )
        publisher, status, stop = StuckPublisher(), CollectorStatus(), asyncio.Event()
        collector = Collector(
            config, publisher=publisher, status=status, metrics=CollectorMetrics(status)
        )
        task = asyncio.create_task(collector.run(stop))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await publisher.full.wait()
            await asyncio.sleep(4 * INTERVAL)
            assert publisher.waiting == 4
            assert sum(len(target.requests) for target in targets) == 4
            publisher.go.set()
            await publisher.until(
                lambda: len({o.key for o in publisher.of(SNAPSHOTS)}) == len(targets)
            )
            stop.set()
            await task
