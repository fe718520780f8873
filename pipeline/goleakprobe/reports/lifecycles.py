"""Which go statements leave goroutines behind, how fast, and who could still wake them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.lake import Lake, TimeWindow
from goleakprobe.reports.errors import NothingTracedError
from goleakprobe.reports.queries import query_text
from goleakprobe_schemas import Evidence

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SITES_MAX", "LifecycleReport", "SiteLifecycle", "Waker", "lifecycle_report"]

SITES_MAX = 1000
"""Creation sites of one report, the worst ones."""


class Waker(msgspec.Struct, frozen=True, kw_only=True):
    """Code that ended waits at a place."""

    site: str = ""
    """Empty for the runtime: timers, the network poller."""
    start: str = ""
    """The function its goroutines run."""
    count: int = 0
    alive: int = 0
    """Such goroutines at the end of the trace."""


class SiteLifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """One creation site of one service, over its traces."""

    namespace: str
    service: str
    creation_site: str = ""
    """``function file:line`` of the go statement; empty where no trace saw it run."""
    start: str = ""
    """The function its goroutines run."""
    windows: int
    """Traces of the service; likewise the next three."""
    instances: int
    traced_seconds: float
    newest_ns: int
    created: int = 0
    exited: int = 0
    net: int = 0
    net_per_second: float | None = None
    """Goroutines that stay, for each second that one process was traced."""
    alive: int = 0
    """In the latest trace of every instance; likewise all that waits."""
    signature: str = ""
    """Of the wait that holds most; likewise all that follows."""
    wait: str = ""
    blocking_site: str = ""
    open: int = 0
    open_born: int = 0
    """Of these, created while they were traced."""
    open_seconds_max: float | None = None
    completed: int = 0
    longest_seconds: float | None = None
    never_woken: int = 0
    no_way_out: int = 0
    wakers_alive: int = 0
    wakers: tuple[Waker, ...] = ()
    windows_accusing: int = 0
    """Traces that hold something against the site."""
    evidence: tuple[Evidence, ...] = ()
    """Of the latest of these."""


class LifecycleReport(msgspec.Struct, frozen=True, kw_only=True):
    """Creation sites, those with evidence first, then by how many goroutines stay a second.

    Times are UTC epoch nanoseconds.
    """

    as_of_ns: int
    from_ns: int
    sites: tuple[SiteLifecycle, ...]

    @property
    def accused(self) -> tuple[SiteLifecycle, ...]:
        """Sites that some trace holds something against."""
        return tuple(site for site in self.sites if site.evidence)

    @property
    def windows(self) -> int:
        """Traces that the report rests on."""
        traced = {(site.namespace, site.service): site.windows for site in self.sites}
        return sum(traced.values())


def lifecycle_report(
    lake: Path | str,
    *,
    since: timedelta = timedelta(hours=24),
    as_of_ns: int | None = None,
    service: str = "",
    memory_limit: str = "1GB",
    threads: int | None = None,
) -> LifecycleReport:
    """Read what the traces within ``since`` before ``as_of_ns`` (now, if not given) show.

    ``service`` narrows it to services of that name. Raises LakeError, and NothingTracedError
    where nothing was traced.
    """
    to_ns = time.time_ns() if as_of_ns is None else as_of_ns
    from_ns = max(0, to_ns - since // timedelta(microseconds=1) * 1000)
    window = TimeWindow(from_ns, max(from_ns, to_ns))
    with Lake(lake, window=window, memory_limit=memory_limit, threads=threads) as opened:
        sites = opened.query(
            query_text("lifecycle_sites"), SiteLifecycle, service_name=service, most=SITES_MAX
        )
    if not sites:
        raise NothingTracedError(window.from_ns, to_ns, service)
    return LifecycleReport(as_of_ns=to_ns, from_ns=window.from_ns, sites=tuple(sites))
