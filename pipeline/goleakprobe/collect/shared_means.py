"""What the targets of one collector share: slots, locks, threads, the broker, the ledgers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self
from weakref import WeakValueDictionary

from goleakprobe.collect.stack_ledger import StackLedger
from goleakprobe_schemas import StackObserved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from goleakprobe.collect.metrics import CollectorMetrics
    from goleakprobe.collect.publish import Publisher
    from goleakprobe.config.scraping import CollectSettings
    from goleakprobe_agents.stage import Output

__all__ = ["SharedMeans", "Slot"]


class Slot:
    """One of a bounded number of scrapes under way; may be given back early."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._held = False

    async def __aenter__(self) -> Self:
        await self._slots.acquire()
        self._held = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the slot back; harmless the second time."""
        if self._held:
            self._held = False
            self._slots.release()


class SharedMeans:
    """The bounded means of one collector."""

    def __init__(
        self,
        settings: CollectSettings,
        *,
        publisher: Publisher,
        threads: Executor,
        metrics: CollectorMetrics,
    ) -> None:
        self.publisher = publisher
        self.threads = threads
        self.metrics = metrics
        self.max_groups = settings.max_groups_per_snapshot
        self.stacks = StackLedger()
        self.traces = asyncio.Semaphore(settings.max_concurrent_traces)
        """To be entered for a trace; who finds it taken tries again at the next visit."""
        self._slots = asyncio.Semaphore(settings.max_concurrent_scrapes)
        self._slots_of_silent = asyncio.Semaphore(settings.max_concurrent_scrapes)
        self._heavy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def slot(self, *, silent: bool = False) -> Slot:
        """A slot to enter before scraping and to leave once the events left for the broker.

        Targets that were silent the last time have slots of their own: hundreds of them, each
        waiting for its whole timeout, would leave none for those that answer.
        """
        return Slot(self._slots_of_silent if silent else self._slots)

    async def publish(self, outputs: Sequence[Output], accepted: Callable[[], None]) -> None:
        """Publish; the stacks of what could not be published count as not published."""
        try:
            await self.publisher.publish(outputs, accepted=accepted)
        except BaseException:
            for output in outputs:
                if isinstance(output.event, StackObserved):
                    self.stacks.strike(output.event.signature, output.event.build_id)
            raise

    def heavy(self, base_url: str) -> asyncio.Lock:
        """The lock that keeps two heavy scrapes of one process apart, under whatever names."""
        lock = self._heavy.get(base_url)
        if lock is None:
            lock = self._heavy[base_url] = asyncio.Lock()
        return lock
