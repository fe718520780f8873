"""The cost rule: which scrape a target can bear now.

The grouped goroutine profile (debug=0) pauses a process for milliseconds whatever its size and is
taken every time. A leak profile costs one garbage collection. A debug=2 dump stops the world while
it is written: 0.3 s at 10,000 goroutines, seconds at 100,000. So the heavy two are rare, at most
one goes with a round, and the dump needs a small process or an explicit request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from goleakprobe.collect.capabilities import Capabilities, Offer
from goleakprobe_schemas import SnapshotSource

if TYPE_CHECKING:
    from goleakprobe.config.scraping import ScrapeConfig

__all__ = ["HEAVY_SOURCES", "ScrapeBudget"]

HEAVY_SOURCES = frozenset({SnapshotSource.DEBUG2, SnapshotSource.LEAK, SnapshotSource.LEAK_DELTA})

# Goroutines have piled up when both are exceeded: a small process doubles without meaning much.
_GROWTH_RATIO = 1.2
_GROWTH_GOROUTINES = 20


class ScrapeBudget:
    """When one target was last asked what, and whether it may be asked for more.

    ``now`` is any clock of seconds that never goes back. ``spread`` in [0, 1) moves the first heavy
    scrapes of a fleet apart.
    """

    def __init__(self, job: ScrapeConfig, *, spread: float, now: float) -> None:
        self._job = job
        self._leak_due = now + spread * job.leak_profile_interval
        self._dump_due = now + spread * job.debug2_interval
        self._leak_taken: float | None = None
        self._dump_taken: float | None = None
        self._usual_total: int | None = None
        """At the newest leak profile."""
        self._dumped_total: int | None = None
        """At the newest dump."""
        self._leaked_before = False
        self._dump_requested = False

    def request_dump(self) -> None:
        """Take a debug=2 dump in the next round, whatever the number of goroutines."""
        self._dump_requested = True

    def process_restarted(self) -> None:
        """Another process answers: what was usual no longer is."""
        self._usual_total = self._dumped_total = None
        self._leaked_before = False

    def heavy_due(
        self, now: float, total: int, capabilities: Capabilities
    ) -> SnapshotSource | None:
        """The heavy scrape that may follow a routine one that counted ``total`` goroutines."""
        if self._usual_total is None:
            self._usual_total = total
        if self._dumped_total is None:
            self._dumped_total = total
        if self._dump_requested:
            return SnapshotSource.DEBUG2
        if capabilities.leak_profile is Offer.OFFERED and self._leak_profile_due(now, total):
            return SnapshotSource.LEAK
        if total <= self._job.debug2_goroutine_limit and self._dump_is_due(now, total):
            return SnapshotSource.DEBUG2
        return None

    def taken(self, source: SnapshotSource, now: float, total: int) -> None:
        """Note that a heavy scrape is being taken, whether or not it will succeed."""
        if source is SnapshotSource.DEBUG2:
            self._dump_requested = False
            self._dump_taken = now
            self._dump_due = now + self._job.debug2_interval
            self._dumped_total = total
        else:
            self._leak_taken = now
            self._leak_due = now + self._job.leak_profile_interval
            self._usual_total = total

    def leaks_reported(self, leaked: int, now: float) -> None:
        """Note what a leak profile said.

        The runtime's answers come and go, so the first one that differs is checked soon.
        """
        if (leaked > 0) != self._leaked_before:
            self._leak_due = min(self._leak_due, now + self._job.leak_profile_min_interval)
        self._leaked_before = leaked > 0

    def _leak_profile_due(self, now: float, total: int) -> bool:
        job = self._job
        if job.leak_profile_interval <= 0:
            return False
        least = min(job.leak_profile_min_interval, job.leak_profile_interval)
        if self._leak_taken is not None and now - self._leak_taken < least:
            return False
        return _piled_up(total, self._usual_total) or now >= self._leak_due

    def _dump_is_due(self, now: float, total: int) -> bool:
        """Goroutines that pile up are wanted by their ids, and with the place that made them."""
        job = self._job
        if job.debug2_interval <= 0:
            return False
        least = min(job.debug2_min_interval, job.debug2_interval)
        if self._dump_taken is not None and now - self._dump_taken < least:
            return False
        return _piled_up(total, self._dumped_total) or now >= self._dump_due


def _piled_up(total: int, usual: int | None) -> bool:
    before = usual or 0
    return total > before * _GROWTH_RATIO and total - before >= _GROWTH_GOROUTINES
