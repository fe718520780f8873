"""The cost rule for execution traces: rarely, when goroutines pile up, or on request.

While a process traces, each event costs it some hundred nanoseconds (one to two percent of a busy
server's time), and every second it writes a status of some 17 bytes for each parked goroutine,
after walking its stack. So windows are short, far apart, and never of huge processes unasked. A
window that suspects something is followed by another soon, because two are needed to believe it,
and then at intervals that double.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goleakprobe.config.scraping import ScrapeConfig

__all__ = ["TraceBudget"]

# As for leak profiles: a small process doubles without meaning much.
_GROWTH_RATIO = 1.2
_GROWTH_GOROUTINES = 20


class TraceBudget:
    """When one target was last traced, and whether it may be traced again.

    ``now`` is any clock of seconds that never goes back. ``spread`` in [0, 1) moves the first
    traces of a fleet apart.
    """

    def __init__(self, job: ScrapeConfig, *, spread: float, now: float) -> None:
        self._job = job
        self._due = now + spread * job.trace_interval
        self._taken: float | None = None
        self._usual_total: int | None = None
        self._recheck_seconds = float(job.trace_min_interval)
        self._requested = False

    def request(self) -> None:
        """Trace at the next visit, whatever the number of goroutines."""
        self._requested = True

    def process_restarted(self) -> None:
        """Another process answers: what was usual no longer is."""
        self._usual_total = None
        self._recheck_seconds = float(self._job.trace_min_interval)

    def due(self, now: float, total: int) -> bool:
        """Whether a process that counted ``total`` goroutines may be traced now."""
        if self._usual_total is None:
            self._usual_total = total
        if self._requested:
            return True
        job = self._job
        if job.trace_interval <= 0 or total > job.trace_goroutine_limit:
            return False
        if self._taken is not None and now - self._taken < self._least_seconds:
            return False
        usual = self._usual_total
        piled_up = total > usual * _GROWTH_RATIO and total - usual >= _GROWTH_GOROUTINES
        return piled_up or now >= self._due

    def taken(self, now: float, total: int) -> None:
        """Note that a trace is being taken, whether or not it will succeed."""
        self._requested = False
        self._taken = now
        self._usual_total = total
        self._due = now + self._job.trace_interval

    def suspects_seen(self, now: float, *, any_: bool) -> None:
        """Note whether a window suspected anything."""
        if not any_:
            self._recheck_seconds = float(self._job.trace_min_interval)
            return
        self._due = min(self._due, now + self._recheck_seconds)
        self._recheck_seconds = min(2 * self._recheck_seconds, float(self._job.trace_interval))

    @property
    def _least_seconds(self) -> float:
        return min(float(self._job.trace_min_interval), float(self._job.trace_interval))
