"""What a traced window proves about leaks, and what it must not cry out about.

Each rule names the numbers it rests on. Guards, in order: the runtime's own goroutines never count;
what was blocked before the window is not seen to leak in it; growth must be in every third of the
window; a wait must be old beside the completed ones at the same site; where wakes keep arriving at
a site, only waits far beyond the longest completed one count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe_schemas import Evidence, Grade

if TYPE_CHECKING:
    from goleakprobe.trace.window import Flow, TraceWindow

__all__ = ["Suspect", "Thresholds", "find_suspects"]

# Waits that end only when the process does, or that a pool keeps ready: a service that is well has
# them. They count only when they grow.
_KEPT_READY = (
    "net/http.(*persistConn).",
    "net/http.(*conn).",
    "net/http.(*http2",
    "golang.org/x/net/http2.",
    "net.(*netFD).",
    "database/sql.(*DB).",
    "os/signal.",
    "google.golang.org/grpc",
    "testing.",
)


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """How sure is sure."""

    fewest: int = 3
    """Still blocked goroutines of a flow, born in the window."""
    age_ratio: float = 10.0
    """Median open wait over the longest completed wait at the site."""
    least_age_seconds: float = 0.05
    """Median open wait."""
    gathering_exits: float = 0.05
    """Ends to starts, below which goroutines that are still woken gather."""
    steadiness: float = 0.2
    """Each third's share of the births of an even spread."""


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """One creation site at one blocking site, and why it is suspected."""

    creation_site: str
    start: str
    wait: str
    blocking_site: str
    signature: str
    leaked: int
    """Goroutines born in the window and still blocked here."""
    open: int
    """All goroutines of the flow that are blocked here, older ones too."""
    leaked_per_second: float
    oldest_seconds: float
    evidence: tuple[Evidence, ...]
    """Strongest first."""

    @property
    def grade(self) -> Grade:
        """That of the strongest evidence."""
        return self.evidence[0].grade


def find_suspects(window: TraceWindow, thresholds: Thresholds | None = None) -> list[Suspect]:
    """The flows that leak, strongest growth first; empty for a healthy service at rest.

    Those that merely gather, and are ``anomalous`` at most, come last.
    """
    limits = thresholds or Thresholds()
    suspects = []
    in_cycles = {site for cycle in window.cycles for site in cycle.sites}
    for flow in window.flows:
        if flow.runtime or not flow.open:
            continue
        evidence = [
            found
            for found in (
                _growing(flow, window.seconds, limits),
                _outlasting(flow, limits),
                _wakers_gone(flow, window.seconds, limits),
                _cycle(flow, window.seconds, in_cycles, limits),
                _gathering(flow, window.seconds, limits),
            )
            if found is not None
        ]
        if evidence:
            suspects.append(_suspect(flow, window.seconds, evidence))
    suspects.sort(
        key=lambda one: (one.grade is Grade.ANOMALOUS, -one.leaked, -one.open, one.blocking_site)
    )
    return suspects


def _suspect(flow: Flow, seconds: float, evidence: list[Evidence]) -> Suspect:
    return Suspect(
        creation_site=flow.creation_site,
        start=flow.start,
        wait=flow.wait,
        blocking_site=flow.blocking_site,
        signature=flow.signature,
        leaked=flow.open_born,
        open=flow.open,
        leaked_per_second=flow.open_born / seconds if seconds > 0 else 0.0,
        oldest_seconds=flow.open_seconds_max,
        evidence=tuple(sorted(evidence, key=lambda one: one.grade.rank)),
    )


def _old(flow: Flow, limits: Thresholds) -> bool:
    """Open waits are far older than any completed one at the same site."""
    least = limits.least_age_seconds
    if flow.last_wake_seconds_ago is not None:
        least = max(least, limits.age_ratio * flow.longest_seconds)
    return flow.open_seconds_median >= least


def _grows(flow: Flow, limits: Thresholds) -> bool:
    """Births of the still blocked ones, and creation minus exit, are up in every third."""
    fair = limits.steadiness * flow.open_born / 3
    return (
        flow.open_born >= limits.fewest
        and min(flow.born_thirds) >= max(1, fair)
        and min(flow.net_thirds) > 0
    )


def _growing(flow: Flow, seconds: float, limits: Thresholds) -> Evidence | None:
    if not _grows(flow, limits) or not _old(flow, limits):
        return None
    net = flow.created - flow.exited
    return Evidence(
        grade=Grade.GROWING,
        detector="trace_growth",
        summary=(
            f"{flow.open_born} goroutines started in {seconds:.1f} s of trace are still in "
            f"{flow.wait}; {flow.created} were created there and {flow.exited} ended"
        ),
        numbers={
            "still_blocked": flow.open_born,
            "created": flow.created,
            "exited": flow.exited,
            "net_per_second": net / seconds if seconds > 0 else 0.0,
            "first_third": flow.born_thirds[0],
            "second_third": flow.born_thirds[1],
            "last_third": flow.born_thirds[2],
        },
    )


def _gathering(flow: Flow, seconds: float, limits: Thresholds) -> Evidence | None:
    """Hardly any end, yet all are still woken: subscribers nobody removes, or a busy ramp."""
    lasting = flow.exited <= limits.gathering_exits * flow.created
    if not lasting or not _grows(flow, limits) or _old(flow, limits):
        return None
    return Evidence(
        grade=Grade.ANOMALOUS,
        detector="trace_gathering",
        summary=(
            f"{flow.created} goroutines were started there in {seconds:.1f} s of trace and "
            f"{flow.exited} ended; they are still being woken, so work that builds up looks the "
            "same: a later trace would tell"
        ),
        numbers={"created": flow.created, "exited": flow.exited, "still_here": flow.open_born},
    )


def _outlasting(flow: Flow, limits: Thresholds) -> Evidence | None:
    """Waits stay open where most waits end: what a single snapshot cannot see."""
    seen = flow.completed >= 10 * limits.fewest and flow.longest_seconds > 0
    if not seen or not _grows(flow, limits) or not _old(flow, limits):
        return None
    return Evidence(
        grade=Grade.STUCK,
        detector="trace_outlasting",
        summary=(
            f"{flow.completed} waits at this line ended within {flow.longest_seconds:.3g} s; "
            f"{flow.open} are open for {flow.open_seconds_median:.3g} s (median)"
        ),
        numbers={
            "completed": flow.completed,
            "longest_completed_seconds": flow.longest_seconds,
            "open": flow.open,
            "open_seconds_median": flow.open_seconds_median,
        },
    )


def _lasting(flow: Flow, seconds: float, limits: Thresholds) -> bool:
    """Blocked for a good part of the window, and longer than waits here ever last."""
    return (
        flow.no_way_out >= limits.fewest
        and not flow.blocking_site.startswith(_KEPT_READY)
        and _old(flow, limits)
        and flow.open_seconds_max >= seconds / 3
    )


def _wakers_gone(flow: Flow, seconds: float, limits: Thresholds) -> Evidence | None:
    if flow.wakers_alive or not flow.waker_gone or not _lasting(flow, seconds, limits):
        return None
    return Evidence(
        grade=Grade.STUCK,
        detector="trace_wakers_gone",
        summary=(
            f"every goroutine that ever woke {flow.waker_gone} of the {flow.open} waiting here has "
            "ended, and nothing of its kind is left"
        ),
        numbers={"waker_gone": flow.waker_gone, "open": flow.open},
    )


def _cycle(flow: Flow, seconds: float, in_cycles: set[str], limits: Thresholds) -> Evidence | None:
    eased = msgspec.structs.replace(limits, fewest=1)
    if flow.blocking_site not in in_cycles or not _lasting(flow, seconds, eased):
        return None
    return Evidence(
        grade=Grade.STUCK,
        detector="trace_wait_cycle",
        summary=f"{flow.no_way_out} of {flow.open} waiting here were only ever woken by each other",
        numbers={"no_way_out": flow.no_way_out, "open": flow.open},
    )
