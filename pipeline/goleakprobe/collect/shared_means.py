"""What the targets of one collector share: slots, locks, threads, the broker, the ledgers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self
from weakref import WeakValueDictionary

from goleakprobe.collect.stack_ledger import StackLedger

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from goleakprobe.collect.metrics import CollectorMetrics
    from goleakprobe.collect.publish import Publisher
    from goleakprobe.config.scraping import CollectSettings

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
        self._slots = asyncio.Semaphore(settings.max_concurrent_scrapes)
        self._heavy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def slot(self) -> Slot:
        """A slot to enter before scraping and to leave once the events left for the broker."""
        return Slot(self._slots)

    def heavy(self, base_url: str) -> asyncio.Lock:
        """The lock that keeps two heavy scrapes of one process apart, under whatever names."""
        lock = self._heavy.get(base_url)
        if lock is None:
            lock = self._heavy[base_url] = asyncio.Lock()
        return lock
