"""The collector: a task per target, kept in step with discovery, until told to stop."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import msgspec
import structlog

from goleakprobe.collect.discovery import Discovered, Discovery
from goleakprobe.collect.listener import listening
from goleakprobe.collect.metrics import CollectorMetrics
from goleakprobe.collect.publish import KafkaPublisher
from goleakprobe.collect.scrape import Scraper
from goleakprobe.collect.shared_means import SharedMeans
from goleakprobe.collect.status import CollectorStatus, TargetStatus
from goleakprobe.collect.target_loop import TargetLoop
from goleakprobe.collect.target_visits import TargetVisits
from goleakprobe_agents.access import COLLECTED, check_access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe.collect.publish import Publisher
    from goleakprobe.collect.targets import ScrapeTarget
    from goleakprobe.config.settings import Config

__all__ = ["Collector", "run_collector"]

_log = structlog.get_logger("goleakprobe.collect")

# Decoding holds the interpreter's lock, so more threads would only hold more bodies.
_DECODING_THREADS = 2


async def run_collector(
    config: Config,
    *,
    bootstrap_servers: Sequence[str] = (),
    stop: asyncio.Event,
    status: CollectorStatus | None = None,
) -> None:
    """Collect from all targets of a configuration until ``stop`` is set, then flush.

    ``bootstrap_servers`` override the configured ones; ``status`` is kept up to date meanwhile.
    Raises ListenError or, of a broker on which it cannot work, a StreamError (unreachable, too
    old, without the topics or the rights) before anything is scraped.
    """
    status = status or CollectorStatus()
    metrics = CollectorMetrics(status)
    broker = config.broker
    if bootstrap_servers:
        broker = msgspec.structs.replace(broker, bootstrap_servers=tuple(bootstrap_servers))
    async with AsyncExitStack() as stack:
        if config.collect.listen_address:
            await stack.enter_async_context(
                listening(config.collect.listen_address, metrics.exposition, lambda: status.unready)
            )
        await asyncio.to_thread(check_access, broker, writes=COLLECTED)
        publisher = KafkaPublisher(
            broker,
            max_messages=config.collect.max_in_flight_messages,
            max_bytes=config.collect.max_in_flight_bytes,
            observer=_Deliveries(status, metrics),
        )
        await stack.enter_async_context(publisher)
        await Collector(config, publisher=publisher, status=status, metrics=metrics).run(stop)
    _tell_undelivered(publisher)


class Collector:
    """Visits every target discovered, each in a task of its own."""

    def __init__(
        self,
        config: Config,
        *,
        publisher: Publisher,
        status: CollectorStatus,
        metrics: CollectorMetrics,
    ) -> None:
        self._config = config
        self._publisher = publisher
        self._status = status
        self._metrics = metrics
        self._jobs = {job.job_name: job for job in config.scrape_configs}
        self._discovery = Discovery(
            config.scrape_configs,
            shard_index=config.collect.shard_index,
            shard_count=config.collect.shard_count,
        )
        self._running: dict[str, tuple[TargetVisits, asyncio.Task[None]]] = {}

    def request_dump(self, target_key: str) -> bool:
        """Take a dump with goroutine ids at a target's next visit; False for an unknown target."""
        running = self._running.get(target_key)
        if running is None:
            return False
        running[0].request_dump()
        return True

    def request_trace(self, target_key: str) -> bool:
        """Take an execution trace at a target's next visit; False for an unknown target."""
        running = self._running.get(target_key)
        if running is None:
            return False
        running[0].request_trace()
        return True

    async def run(self, stop: asyncio.Event) -> None:
        """Collect until ``stop`` is set; all tasks have ended on return."""
        with ThreadPoolExecutor(_DECODING_THREADS, thread_name_prefix="goleakprobe-decode") as pool:
            shared = SharedMeans(
                self._config.collect,
                publisher=self._publisher,
                threads=pool,
                metrics=self._metrics,
            )
            async with AsyncExitStack() as stack:
                scrapers = {
                    name: await stack.enter_async_context(Scraper(job))
                    for name, job in self._jobs.items()
                }
                async with asyncio.TaskGroup() as tasks:
                    try:
                        await self._follow_discovery(stop, tasks, scrapers, shared)
                    finally:
                        for key in list(self._running):
                            self._stop_target(key)

    async def _follow_discovery(
        self,
        stop: asyncio.Event,
        tasks: asyncio.TaskGroup,
        scrapers: dict[str, Scraper],
        shared: SharedMeans,
    ) -> None:
        poll = self._discovery.poll_seconds
        while not stop.is_set():
            discovered = await asyncio.to_thread(self._discovery.refresh)
            self._tell_problems(discovered)
            await self._reconcile(discovered, tasks, scrapers, shared)
            self._status.collecting = True
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), None if math.isinf(poll) else poll)

    async def _reconcile(
        self,
        discovered: Discovered,
        tasks: asyncio.TaskGroup,
        scrapers: dict[str, Scraper],
        shared: SharedMeans,
    ) -> None:
        for key, (visits, _) in list(self._running.items()):
            if discovered.targets.get(key) != visits.target:
                await self._end_target(key)
        for key, target in discovered.targets.items():
            if key not in self._running:
                self._start_target(target, tasks, scrapers[target.job_name], shared)

    def _start_target(
        self,
        target: ScrapeTarget,
        tasks: asyncio.TaskGroup,
        scraper: Scraper,
        shared: SharedMeans,
    ) -> None:
        status = self._status.targets[target.key] = TargetStatus()
        visits = TargetVisits(
            target, self._jobs[target.job_name], scraper=scraper, shared=shared, status=status
        )
        task = tasks.create_task(TargetLoop(visits, status).run(), name=f"target {target.key}")
        self._running[target.key] = (visits, task)
        _log.info("target_added", target=target.key, address=target.base_url)

    def _stop_target(self, key: str) -> asyncio.Task[None]:
        _, task = self._running.pop(key)
        task.cancel()
        return task

    async def _end_target(self, key: str) -> None:
        """Stop a target and wait until it stopped: its successor must not scrape beside it."""
        await asyncio.wait([self._stop_target(key)])
        del self._status.targets[key]
        _log.info("target_removed", target=key)

    def _tell_problems(self, discovered: Discovered) -> None:
        if discovered.problems != self._status.discovery_problems:
            for problem in discovered.problems:
                _log.warning("discovery_problem", problem=problem)
            self._status.discovery_problems = discovered.problems


class _Deliveries:
    """Keeps what became of events in the status and the metrics."""

    def __init__(self, status: CollectorStatus, metrics: CollectorMetrics) -> None:
        self._status = status
        self._metrics = metrics

    def delivered(self, topic: str) -> None:
        self._status.published[topic] += 1
        self._metrics.events.labels(topic).inc()
        if self._status.last_publish_error:
            self._status.last_publish_error = ""
            _log.info("broker_takes_events_again", topic=topic)

    def failed(self, topic: str, reason: str) -> None:
        self._status.publish_failures[topic] += 1
        self._metrics.publish_failures.labels(topic).inc()
        if not self._status.last_publish_error:
            _log.warning("broker_refuses_events", topic=topic, reason=reason)
        self._status.last_publish_error = reason

    def in_flight(self, messages: int, size_bytes: int) -> None:
        self._status.messages_in_flight = messages
        self._status.bytes_in_flight = size_bytes


def _tell_undelivered(publisher: KafkaPublisher) -> None:
    if publisher.undelivered:
        _log.error("events_undelivered", events=publisher.undelivered)
