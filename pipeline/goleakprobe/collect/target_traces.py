"""The execution traces of one target: when one is due, take it, and publish what it shows."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from goleakprobe.collect.capabilities import Capabilities, Offer
from goleakprobe.collect.targets import spread
from goleakprobe.collect.trace_budget import TraceBudget
from goleakprobe.collect.traced_window import lifecycle_event, traced_stacks
from goleakprobe.collect.tracing import TraceUnsupportedError, take_trace
from goleakprobe.errors import HttpStatusError, ScrapeError
from goleakprobe_schemas import Grade, LifecycleTraced

if TYPE_CHECKING:
    from goleakprobe.collect.assemble import ProcessIdentity
    from goleakprobe.collect.scrape import Scraper
    from goleakprobe.collect.shared_means import SharedMeans
    from goleakprobe.collect.targets import ScrapeTarget
    from goleakprobe.collect.tracing import Traced
    from goleakprobe.config.scraping import ScrapeConfig
    from goleakprobe_agents.stage import Output

__all__ = ["TargetTraces"]

_SOURCE = "trace"

_log = structlog.get_logger("goleakprobe.collect")


class TargetTraces:
    """Traces of one target, with what is remembered between them."""

    def __init__(
        self, target: ScrapeTarget, job: ScrapeConfig, *, scraper: Scraper, shared: SharedMeans
    ) -> None:
        self._target = target
        self._job = job
        self._scraper = scraper
        self._shared = shared
        self._budget = TraceBudget(job, spread=spread(target.key), now=time.monotonic())

    def request(self) -> None:
        """Take one as soon as there is room, whatever it costs."""
        self._budget.request()

    def process_restarted(self) -> None:
        """Another process answers."""
        self._budget.process_restarted()

    async def take_if_due(
        self, total: int, capabilities: Capabilities, process: ProcessIdentity
    ) -> None:
        """Trace a process that just counted ``total`` goroutines, if that is due and there is room.

        A trace that fails is logged and counted; the target is up all the same. PublishError.
        """
        if capabilities.traces is Offer.ABSENT or not self._budget.due(time.monotonic(), total):
            return
        # Waiting for others' traces would keep this target from its routine scrapes.
        if self._shared.traces.locked():
            return
        async with (
            self._shared.traces,
            self._shared.heavy(self._target.base_url),
            self._shared.slot() as slot,
        ):
            self._budget.taken(time.monotonic(), total)
            try:
                traced = await self._take()
            except ScrapeError as error:
                self._failed(error, capabilities)
                return
            capabilities.traces = Offer.OFFERED
            accused = any(one.grade is not Grade.ANOMALOUS for one in traced.report.suspects)
            self._budget.suspects_seen(time.monotonic(), any_=accused)
            outputs = await asyncio.get_running_loop().run_in_executor(
                self._shared.threads, self._outputs, traced, process
            )
            await self._shared.publish(outputs, slot.release)

    async def _take(self) -> Traced:
        seconds = float(self._job.trace_seconds)
        with self._shared.metrics.counted(_SOURCE):
            traced = await take_trace(
                self._scraper,
                self._target.profile_url("trace", f"seconds={seconds:g}"),
                threads=self._shared.threads,
                limit_bytes=self._job.trace_size_limit,
                timeout_seconds=seconds + self._job.timeout_seconds,
            )
            self._shared.metrics.measured(
                _SOURCE,
                wall_seconds=traced.cost.wall_seconds,
                received_bytes=traced.cost.body_bytes,
            )
            return traced

    def _failed(self, error: ScrapeError, capabilities: Capabilities) -> None:
        absent = isinstance(error, HttpStatusError) and error.status == 404
        if absent or isinstance(error, TraceUnsupportedError):
            # Nothing is wrong with a process of an older Go.
            capabilities.traces = Offer.ABSENT
            _log.info("traces_not_offered", target=self._target.key, reason=str(error))
        else:
            _log.warning("trace_failed", target=self._target.key, error=str(error))

    def _outputs(self, traced: Traced, process: ProcessIdentity) -> list[Output]:
        """The window, and the stacks of its waits that were not published before."""
        window = lifecycle_event(traced, self._target, process=process)
        assert isinstance(window.event, LifecycleTraced)
        told = {flow.signature for flow in window.event.flows if flow.open}
        stacks = traced_stacks(
            traced,
            build_id=process.build_id,
            wanted=lambda signature: (
                signature in told and self._shared.stacks.enter(signature, process.build_id)
            ),
        )
        return [window, *stacks]
