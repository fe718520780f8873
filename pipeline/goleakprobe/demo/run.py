"""The demo: real leaking Go services, the whole pipeline, and a verdict on what it found."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.config import Config, FileSdConfig, ScrapeConfig
from goleakprobe.demo.build import build_services, cache_directory
from goleakprobe.demo.errors import DemoError
from goleakprobe.demo.receiver import AlertHistory, alert_line, alert_receiver
from goleakprobe.demo.services import Fleet, running_services, write_targets
from goleakprobe.demo.toolchain import find_toolchain
from goleakprobe.demo.verdict import Verdict, judge
from goleakprobe.findings_feed import FindingsFeed
from goleakprobe.local import LocalPipeline, running_pipeline
from goleakprobe.progress import PipelineProgress, Progress
from goleakprobe_agents.settings import (
    AlertingSettings,
    AlertmanagerSettings,
    Duration,
    LakeSettings,
    StateSettings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from goleakprobe.demo.receiver import PostedAlert
    from goleakprobe_schemas import LeakFound

__all__ = ["DemoOutcome", "run_demo"]

_SCRAPE_SECONDS = 1.0
_LEAK_PROFILE_SECONDS = 10.0
_DUMP_SECONDS = 10.0
# After the last leak is found the healthy service gets as long again to be wrongly flagged.
_WATCH_ON_SECONDS = 20.0
_POLL_SECONDS = 0.5


class DemoOutcome(msgspec.Struct, frozen=True):
    """What the demo found, and where its rows are."""

    verdict: Verdict
    lake: Path
    seconds: float
    """From the first scrape to the last leak found, or to giving up."""
    drained: bool
    """Whether everything published had landed when the workers were stopped."""


class _Clock:
    """Seconds since the demo began and since its first scrape."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self.watching_since: float | None = None

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._begun

    @property
    def watched(self) -> float:
        if self.watching_since is None:
            return 0.0
        return time.monotonic() - self.watching_since


async def run_demo(
    folder: Path, progress: Progress, *, limit_seconds: float, instances: int
) -> DemoOutcome:
    """Build, start, watch until every leak is found or the time is up, and stop everything.

    ``folder`` takes logs, state and the lake. Whatever ends this (Ctrl-C too), nothing that was
    started here is left running. Raises DemoError, StreamError or GoLeakProbeError where a part
    cannot be had.
    """
    clock = _Clock()

    def tell(stage: str) -> None:
        progress.show(PipelineProgress(stage=stage, elapsed_seconds=clock.elapsed))

    tell("building the Go services (the first time takes a minute)")
    toolchain = await asyncio.to_thread(find_toolchain)
    binaries = await build_services(toolchain, cache_directory())
    tell(f"starting the services, built by {toolchain.name}")
    alerts = _AlertPrinter(progress)
    async with (
        running_services(binaries, folder / "services", instances=instances) as fleet,
        alert_receiver(alerts.take) as receiver,
    ):
        targets = folder / "targets.json"
        write_targets(targets, fleet.services)
        config = _config(folder, targets, receiver)
        async with running_pipeline(config, folder, tell=tell) as pipeline:
            watch = _Watch(pipeline, fleet, progress, clock)
            findings = await watch.until_found(limit_seconds)
            tell("letting the last rows land")
            drained = await pipeline.drain()
            seconds = clock.watched
        for line in pipeline.problems.news():
            progress.say(line)
    return DemoOutcome(judge(findings), folder / "lake", seconds, drained)


def _config(folder: Path, targets: Path, receiver: str) -> Config:
    return Config(
        scrape_configs=(
            ScrapeConfig(
                job_name="shop",
                scrape_interval=Duration(_SCRAPE_SECONDS),
                request_metric="http_requests_total",
                leak_profile_interval=Duration(_LEAK_PROFILE_SECONDS),
                leak_profile_min_interval=Duration(_LEAK_PROFILE_SECONDS),
                debug2_min_interval=Duration(_DUMP_SECONDS),
                file_sd_configs=(FileSdConfig(files=(str(targets),)),),
            ),
        ),
        lake=LakeSettings(path=str(folder / "lake"), roll_interval=Duration(2)),
        state=StateSettings(path=str(folder / "state"), snapshot_interval=Duration(5)),
        alerting=AlertingSettings(alertmanagers=(AlertmanagerSettings(url=receiver),)),
    )


class _AlertPrinter:
    """Prints each alert once when it fires and once when it resolves."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._history = AlertHistory()

    def take(self, alerts: Sequence[PostedAlert]) -> None:
        now = datetime.now(UTC)
        for alert in self._history.news(alerts, now):
            self._progress.say(alert_line(alert, now))


class _Watch:
    """Collects, shows what happens, and knows when it has seen enough."""

    def __init__(
        self, pipeline: LocalPipeline, fleet: Fleet, progress: Progress, clock: _Clock
    ) -> None:
        self._pipeline = pipeline
        self._fleet = fleet
        self._progress = progress
        self._clock = clock
        self._feed = FindingsFeed(pipeline.config.broker)

    async def until_found(self, limit_seconds: float) -> list[LeakFound]:
        """The findings at the end; the collectors have flushed by then."""
        self._clock.watching_since = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            collecting = tasks.create_task(self._pipeline.collect())
            following = tasks.create_task(self._feed.follow())
            watching = tasks.create_task(self._pipeline.watch_workers())
            await self._until_enough(limit_seconds)
            self._pipeline.stop_collecting()
            await collecting
            following.cancel()
            watching.cancel()
        return list(self._feed.newest.values())

    async def _until_enough(self, limit_seconds: float) -> None:
        complete_at: float | None = None
        while self._clock.watched < limit_seconds:
            await asyncio.sleep(_POLL_SECONDS)
            ended = self._fleet.ended()
            if ended:
                names = ", ".join(service.instance for service in ended)
                raise DemoError(f"{names} ended by itself; see its log")
            self._show(watching_on=complete_at is not None)
            if complete_at is None and judge(self._feed.newest.values()).complete:
                complete_at = self._clock.watched
            if complete_at is not None and self._clock.watched - complete_at > _WATCH_ON_SECONDS:
                return

    def _show(self, *, watching_on: bool) -> None:
        stage = "every leak found, watching for false alarms" if watching_on else "watching"
        findings = self._feed.newest.values()
        self._progress.show(self._pipeline.progress(stage, self._clock.elapsed, findings))
        for line in self._pipeline.problems.news():
            self._progress.say(line)
