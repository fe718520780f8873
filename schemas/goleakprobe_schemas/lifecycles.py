"""``goroutine.lifecycle.traced.v1``: what one execution trace of one target shows.

The window's own statistics travel, never raw trace events. Times in a window are relative to its
end or plain lengths, because a trace's clock is the process's own. The runtime's own workers are
left out of every list.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from goleakprobe_schemas.bounds import Count, GoroutineId, Name, Seconds, Text, TimeNs
from goleakprobe_schemas.findings import Evidence
from goleakprobe_schemas.snapshots import ScrapeCost

__all__ = [
    "BlockedTraced",
    "CreationTraced",
    "CycleTraced",
    "FlowTraced",
    "LifecycleTraced",
    "MoveTraced",
    "WakerTraced",
]

Change = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Thirds = tuple[Change, Change, Change]
"""Counts in the first, second and last third of a window."""


class MoveTraced(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How often goroutines went from one state to another."""

    before: Text
    """``created``, ``runnable``, ``running``, ``blocked``, ``syscall`` or ``unknown``."""
    after: Text
    """The same words, and ``dead``."""
    count: Count


class CreationTraced(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The goroutines of one creation site, wherever they wait."""

    creation_site: Text = ""
    """``function file:line`` of the go statement; empty for goroutines older than the trace."""
    start: Text = ""
    """The function they run."""
    created: Count = 0
    exited: Count = 0
    created_thirds: Thirds = (0, 0, 0)
    exited_thirds: Thirds = (0, 0, 0)
    alive: Count = 0
    """At the end of the window; likewise ``blocked``."""
    blocked: Count = 0
    runnable_seconds: Seconds = 0.0
    """Time that all of them together spent in a state; likewise the next three."""
    running_seconds: Seconds = 0.0
    blocked_seconds: Seconds = 0.0
    syscall_seconds: Seconds = 0.0
    moves: tuple[MoveTraced, ...] = ()
    """Most frequent first."""


class BlockedTraced(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One goroutine that the window leaves blocked."""

    goroutine: GoroutineId
    seconds: Seconds = 0.0
    """How long by the end of the window; a lower bound where ``earlier``."""
    earlier: bool = False
    """It has been blocked since before the window and was not woken in it."""
    wakes: Count = 0
    """How often it was woken in the window before it blocked again."""
    way_out: Text = ""
    """The best of those who ever woke it here: ``runtime``, ``alive``, ``stuck`` (lives, but
    cannot run), ``gone`` (has exited) or ``never`` (nobody did)."""


class FlowTraced(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The goroutines of one creation site at one blocking site."""

    creation_site: Text = ""
    start: Text = ""
    signature: Name
    """The signature that snapshots give this wait, so that both can be joined."""
    wait: Text = ""
    blocking_site: Text = ""
    created: Count = 0
    """At the creation site, wherever they wait; likewise the next three."""
    exited: Count = 0
    net_thirds: Thirds = (0, 0, 0)
    net_per_second: float = 0.0
    """Created minus exited, over the window."""
    completed: Count = 0
    """Waits that ended in the window."""
    completed_seconds: Seconds = 0.0
    longest_seconds: Seconds = 0.0
    """Longest wait that ended at the blocking site, whoever waited."""
    last_wake_seconds_ago: Seconds | None = None
    """Since anybody was woken at the blocking site."""
    open: Count = 0
    """Goroutines still blocked at the end."""
    open_earlier: Count = 0
    """Of these, blocked since before the window."""
    open_born: Count = 0
    """Of these, created within the window."""
    born_thirds: Thirds = (0, 0, 0)
    """When those were created."""
    open_seconds_median: Seconds = 0.0
    open_seconds_max: Seconds = 0.0
    never_woken: Count = 0
    """Of the open ones, never woken in the window."""
    waker_gone: Count = 0
    """Of the open ones, those all of whose wakers have exited."""
    no_way_out: Count = 0
    """Of the open ones, those all of whose wakers have exited or cannot run themselves."""
    wakers_alive: Count = 0
    """Live goroutines of the creation sites that ever woke the blocking site."""
    blocked: tuple[BlockedTraced, ...] = ()
    """Some of the open ones: first those without a way out, then the oldest."""
    evidence: tuple[Evidence, ...] = ()
    """What the window by itself holds against this flow; one window can be chance."""


class WakerTraced(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who woke whom: the code of a creation site, and the blocking site it woke."""

    waker_site: Text = ""
    """Empty for the runtime: timers, the network poller."""
    waker_creation_site: Text = ""
    waker_start: Text = ""
    waker_alive: Count = 0
    """Live goroutines of the waker's creation site at the end of the window."""
    wait: Text = ""
    blocking_site: Text = ""
    count: Count


class CycleTraced(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Blocked goroutines that only each other ever woke."""

    size: Count
    goroutines: tuple[GoroutineId, ...] = ()
    """At most twenty."""
    sites: tuple[Text, ...] = ()


class LifecycleTraced(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One trace window of one target.

    ``time_ns`` is the collector's clock when the answer was complete (UTC epoch nanoseconds).
    Windows of one target are published in time order; ``id`` is the same on every retry. Lists
    begin with what matters most and are cut to fit a message (``truncated``).
    """

    id: Name
    namespace: Name
    service: Name
    instance: Name
    time_ns: TimeNs
    window_seconds: Seconds
    """Length of what could be used, which may be less than was asked for."""
    total: Count
    """Live goroutines at the end of the window."""
    states: dict[Text, Count] = {}
    """Of these, how many in each state."""
    process_start_ns: TimeNs | None = None
    go_version: Text = ""
    build_id: Text = ""
    format_version: Text = ""
    """The trace's wire version: ``1.22``, ``1.23``, ``1.25`` or ``1.26``."""
    trace_events: Count = 0
    generations: Count = 0
    lost_bytes: Count = 0
    """Of the body, damaged or cut; what was whole before is in the window."""
    damages: tuple[Text, ...] = ()
    """Why, in words; at most twenty."""
    truncated: bool = False
    """Some list was longer than its cap."""
    creations: tuple[CreationTraced, ...] = ()
    flows: tuple[FlowTraced, ...] = ()
    wakers: tuple[WakerTraced, ...] = ()
    cycles: tuple[CycleTraced, ...] = ()
    cost: ScrapeCost = ScrapeCost()
    labels: dict[str, str] = {}
    """The target's own labels from service discovery, meta labels removed."""
