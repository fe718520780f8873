"""What happens in one visit of a target: scrape, read, publish, and weigh a heavy scrape."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog

from goleakprobe.collect.assemble import (
    ProcessIdentity,
    runtime_event,
    snapshot_event,
    stack_events,
)
from goleakprobe.collect.budget import ScrapeBudget
from goleakprobe.collect.capabilities import (
    LEAK_PROFILE_PROBE,
    Capabilities,
    Offer,
    leak_profile_offer,
)
from goleakprobe.collect.decoding import Scraped, decode_answer
from goleakprobe.collect.metrics_page import ProcessFigures, read_metrics_page
from goleakprobe.collect.target_traces import TargetTraces
from goleakprobe.collect.targets import spread
from goleakprobe.collect.untrusted import clean_text
from goleakprobe.errors import (
    HttpStatusError,
    NotAProfileError,
    ScrapeError,
    ScrapeTimeoutError,
)
from goleakprobe_schemas import SnapshotCollected, SnapshotSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from goleakprobe.collect.scrape import Answer, Scraper
    from goleakprobe.collect.shared_means import SharedMeans
    from goleakprobe.collect.status import TargetStatus
    from goleakprobe.collect.targets import ScrapeTarget
    from goleakprobe.config.scraping import ScrapeConfig
    from goleakprobe_agents.stage import Output

__all__ = ["TargetVisits"]

T = TypeVar("T")

_MAX_ID_CHARS = 256

_log = structlog.get_logger("goleakprobe.collect")

_REQUESTS = {
    SnapshotSource.DEBUG0: ("goroutine", "debug=0"),
    SnapshotSource.DEBUG1: ("goroutine", "debug=1"),
    SnapshotSource.DEBUG2: ("goroutine", "debug=2"),
    SnapshotSource.LEAK: ("goroutineleak", "debug=0"),
}
# How a handler that only knows text may refuse a request for protobuf.
_MAYBE_TEXT_ONLY = frozenset({400, 406, 500, 501})


class TargetVisits:
    """Visits to one target, with what is remembered between them."""

    def __init__(
        self,
        target: ScrapeTarget,
        job: ScrapeConfig,
        *,
        scraper: Scraper,
        shared: SharedMeans,
        status: TargetStatus,
    ) -> None:
        self.target = target
        self._job = job
        self._scraper = scraper
        self._shared = shared
        self._status = status
        self._capabilities = Capabilities()
        self._budget = ScrapeBudget(job, spread=spread(target.key), now=time.monotonic())
        self._traces = TargetTraces(target, job, scraper=scraper, shared=shared)

    @property
    def interval_seconds(self) -> float:
        """How often to visit."""
        return float(self._job.scrape_interval)

    def request_dump(self) -> None:
        """Take a dump with goroutine ids in the next visit, whatever it costs."""
        self._budget.request_dump()

    def request_trace(self) -> None:
        """Take an execution trace in the next visit that has room, whatever it costs."""
        self._traces.request()

    async def visit(self) -> None:
        """Return once the events of a routine scrape, and of a heavy one if due, are delivered.

        Raises ScrapeError, CredentialsError or PublishError. The next visit may follow any of them.
        """
        silent = self._status.outcome == ScrapeTimeoutError.outcome
        async with self._shared.slot(silent=silent) as slot:
            scraped = await self._routine()
            figures = await self._figures()
            self._meet(scraped, figures)
            await self._ask_for_leak_profile()
            outputs = await self._outputs(scraped, figures.requests_total)
            outputs.append(
                runtime_event(
                    figures,
                    self.target,
                    process=self._process(),
                    goroutines=scraped.profile.total,
                    time_ns=scraped.time_ns,
                )
            )
            await self._shared.publish(outputs, slot.release)
        total = scraped.profile.total
        source = self._budget.heavy_due(time.monotonic(), total, self._capabilities)
        if source is not None:
            await self._heavy(source, total)
        else:
            await self._traces.take_if_due(total, self._capabilities, self._process())

    async def _routine(self) -> Scraped:
        form = self._capabilities.goroutine_form
        try:
            return await self._scrape(form)
        except (NotAProfileError, HttpStatusError) as error:
            status = error.status if isinstance(error, HttpStatusError) else 400
            if status not in _MAYBE_TEXT_ONLY or not self._capabilities.may_try_text():
                raise
            try:
                scraped = await self._scrape(SnapshotSource.DEBUG1)
            except ScrapeError:
                raise error from None
            self._capabilities.use_text()
            return scraped

    async def _heavy(self, source: SnapshotSource, total: int) -> None:
        async with self._shared.heavy(self.target.base_url), self._shared.slot() as slot:
            self._budget.taken(source, time.monotonic(), total)
            try:
                scraped = await self._scrape(source)
            except ScrapeError as error:
                # The target is up: its routine profile has just been read.
                _log.warning(
                    "heavy_scrape_failed", target=self.target.key, source=source, error=str(error)
                )
                return
            if source is SnapshotSource.LEAK:
                self._budget.leaks_reported(scraped.profile.total, time.monotonic())
            await self._shared.publish(await self._outputs(scraped, None), slot.release)

    async def _scrape(self, source: SnapshotSource) -> Scraped:
        profile, query = _REQUESTS[source]
        with self._shared.metrics.counted(source):
            answer = await self._scraper.profile(self.target.profile_url(profile, query))
            self._measured(source, answer)
            decode = partial(
                decode_answer,
                answer,
                limit_bytes=self._job.body_size_limit,
                time_ns=time.time_ns(),
            )
            return await self._in_thread(decode)

    async def _figures(self) -> ProcessFigures:
        """The metrics page, if there is one; a target may well be without."""
        capabilities = self._capabilities
        if not self.target.metrics_path or capabilities.metrics_page is Offer.ABSENT:
            return ProcessFigures()
        try:
            with self._shared.metrics.counted("metrics"):
                answer = await self._scraper.get(self.target.metrics_url)
                self._measured("metrics", answer)
        except ScrapeError as error:
            if isinstance(error, HttpStatusError) and error.status == 404:
                capabilities.metrics_page = Offer.ABSENT
            return ProcessFigures()
        capabilities.metrics_page = Offer.OFFERED
        read = partial(read_metrics_page, answer.body, request_metric=self._job.request_metric)
        return await self._in_thread(read)

    def _meet(self, scraped: Scraped, figures: ProcessFigures) -> None:
        """Take note of who answered."""
        profile = scraped.profile
        restarted = self._capabilities.seen(
            time.monotonic(),
            start_ns=figures.process_start_ns,
            build_id=clean_text(profile.build_id, _MAX_ID_CHARS),
            go_version=clean_text(figures.go_version or profile.go_version, _MAX_ID_CHARS),
        )
        if restarted:
            self._budget.process_restarted()
            self._traces.process_restarted()
            _log.info("target_restarted", target=self.target.key)
        self._status.goroutines = profile.total
        self._status.go_version = self._capabilities.go_version

    async def _ask_for_leak_profile(self) -> None:
        capabilities = self._capabilities
        if self._job.leak_profile_interval > 0 and capabilities.leak_profile is Offer.UNKNOWN:
            url = self.target.profile_url("goroutineleak", LEAK_PROFILE_PROBE)
            try:
                with self._shared.metrics.counted("probe"):
                    capabilities.leak_profile = leak_profile_offer(await self._scraper.status(url))
            except ScrapeError:
                return
        self._status.leak_profile = capabilities.leak_profile

    async def _outputs(self, scraped: Scraped, requests_total: float | None) -> list[Output]:
        """The snapshot, and the stacks not published before."""
        process = self._process()
        snapshot = await self._in_thread(
            partial(
                snapshot_event,
                scraped.profile,
                self.target,
                process=process,
                time_ns=scraped.time_ns,
                cost=scraped.cost,
                requests_total=requests_total,
                max_groups=self._shared.max_groups,
            )
        )
        assert isinstance(snapshot.event, SnapshotCollected)
        sent = {group.signature for group in snapshot.event.groups}
        fresh = [
            group
            for group in scraped.profile.groups
            if group.signature in sent
            and self._shared.stacks.enter(
                group.signature, process.build_id, creation_known=bool(group.creation_site)
            )
        ]
        stacks = partial(stack_events, fresh, build_id=process.build_id, time_ns=scraped.time_ns)
        return [snapshot, *(await self._in_thread(stacks) if fresh else ())]

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._shared.threads, work)

    def _process(self) -> ProcessIdentity:
        known = self._capabilities
        return ProcessIdentity(
            start_ns=known.process_start_ns, go_version=known.go_version, build_id=known.build_id
        )

    def _measured(self, source: str, answer: Answer) -> None:
        self._shared.metrics.measured(
            source, wall_seconds=answer.wall_seconds, received_bytes=answer.received_bytes
        )
