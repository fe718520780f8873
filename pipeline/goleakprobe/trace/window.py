"""What one traced window says, as plain values an event can be built from.

Sites are ``function file:line``. All names come from the target and are untrusted; control
characters are already replaced. Lists are sorted with what matters most first and capped.
"""

from __future__ import annotations

import msgspec

from goleakprobe_schemas import Frame

__all__ = [
    "BlockedGoroutine",
    "BlockingSite",
    "CreationSite",
    "Flow",
    "StateSeries",
    "StateTimes",
    "TraceWindow",
    "Transition",
    "UnblockEdge",
    "WaitCycle",
]

Thirds = tuple[int, int, int]


class StateTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that the goroutines of a site spent in each state, open intervals to the end."""

    runnable_seconds: float
    running_seconds: float
    blocked_seconds: float
    syscall_seconds: float


class CreationSite(msgspec.Struct, frozen=True, kw_only=True):
    """Goroutines by where they were started."""

    site: str
    """The go statement; empty for goroutines older than the trace."""
    start: str
    """The function they run."""
    runtime: bool
    created: int
    exited: int
    created_thirds: Thirds
    exited_thirds: Thirds
    alive: int
    blocked: int
    times: StateTimes

    @property
    def net(self) -> int:
        """Created minus exited within the window."""
        return self.created - self.exited


class BlockingSite(msgspec.Struct, frozen=True, kw_only=True):
    """Waits by where and for what; every figure is of this window."""

    wait: str
    site: str
    signature: str
    frames: tuple[Frame, ...]
    """One stack that waits here, leaf first."""
    completed: int
    completed_seconds: float
    longest_seconds: float
    last_wake_seconds_ago: float | None
    open: int
    """Goroutines still blocked here at the end."""
    open_earlier: int
    """Of these, blocked since before the window."""
    open_seconds_min: float
    open_seconds_median: float
    open_seconds_max: float
    never_woken: int
    """Of the open ones, never unblocked in the window."""
    waker_gone: int
    """Of the open ones, those whose every remembered waker has exited."""


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """Goroutines of one creation site at one blocking site."""

    creation_site: str
    start: str
    runtime: bool
    wait: str
    blocking_site: str
    signature: str
    completed: int
    completed_seconds: float
    longest_seconds: float
    """Longest completed wait at the blocking site, whoever waited."""
    last_wake_seconds_ago: float | None
    """At the blocking site, whoever was woken."""
    created: int
    exited: int
    """Created and exited at the creation site within the window."""
    net_thirds: Thirds
    """Created minus exited by third of the window, at the creation site."""
    open: int
    open_earlier: int
    open_born: int
    """Still blocked and created within the window."""
    born_thirds: Thirds
    """When the still blocked ones created within the window were created."""
    open_seconds_median: float
    open_seconds_max: float
    never_woken: int
    waker_gone: int
    no_way_out: int
    """Open, woken before, and every remembered waker is gone or has no way out itself."""
    wakers_alive: int
    """Live goroutines of the creation sites that ever woke this blocking site."""


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """How often goroutines of a creation site went from one state to another."""

    creation_site: str
    start: str
    before: str
    after: str
    count: int


class UnblockEdge(msgspec.Struct, frozen=True, kw_only=True):
    """Who woke whom: code of a waker's creation site, and the site it unblocked."""

    waker_site: str
    """Code that did the unblocking; empty for the runtime (timers, network poller)."""
    waker_creation_site: str
    waker_start: str
    waker_alive: int
    """Live goroutines of the waker's creation site at the end."""
    wait: str
    blocking_site: str
    count: int


class BlockedGoroutine(msgspec.Struct, frozen=True, kw_only=True):
    """A goroutine whose last state is blocked."""

    goroutine: int
    wait: str
    site: str
    creation_site: str
    start: str
    seconds: float
    earlier: bool
    """Blocked since before the window: ``seconds`` is a lower bound."""
    wakes: int
    way_out: str
    """``runtime``, ``alive``, ``stuck``, ``gone`` or ``never``: the best of its wakers."""


class WaitCycle(msgspec.Struct, frozen=True, kw_only=True):
    """Blocked goroutines that only each other ever woke."""

    size: int
    goroutines: tuple[int, ...]
    """At most twenty."""
    sites: tuple[str, ...]


class StateSeries(msgspec.Struct, frozen=True, kw_only=True):
    """Number of goroutines in each state over the window, in steps of equal length."""

    step_seconds: float
    counts: dict[str, tuple[int, ...]]
    """By state, at the end of each step."""


class TraceWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One traced window."""

    format_version: str
    """The wire version: 1.22, 1.23, 1.25 or 1.26."""
    start_ns: int
    """Of the process's monotonic clock; likewise the end."""
    end_ns: int
    wall_start_ns: int | None
    """UTC epoch nanoseconds, where the trace has a clock snapshot (Go 1.25 and later)."""
    events: int
    generations: int
    read_bytes: int
    lost_bytes: int
    damages: tuple[str, ...]
    alive: int
    states: dict[str, int]
    """Live goroutines by state at the end."""
    series: StateSeries
    creation_sites: tuple[CreationSite, ...]
    blocking_sites: tuple[BlockingSite, ...]
    flows: tuple[Flow, ...]
    transitions: tuple[Transition, ...]
    unblock_edges: tuple[UnblockEdge, ...]
    blocked: tuple[BlockedGoroutine, ...]
    """Oldest first in each flow; see the caps of ``summarise``."""
    cycles: tuple[WaitCycle, ...]
    truncated: bool
    """Some list was longer than its cap."""

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return (self.end_ns - self.start_ns) / 1e9
