"""Trace windows as columns: rows of creation sites, then rows of flows.

A creation site's row has no signature; a window that has neither kind leaves one row of nulls.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from goleakprobe_schemas import CreationTraced, Evidence, FlowTraced, LifecycleTraced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["WINDOW_READERS", "evidence_value", "window_row_count", "window_rows"]

_WINDOW_OF_TRACE = (
    "namespace",
    "service",
    "instance",
    "time_ns",
    "window_seconds",
    "total",
    "process_start_ns",
    "go_version",
    "build_id",
    "trace_events",
    "lost_bytes",
    "truncated",
)
_LIFECYCLE_FIELDS = (
    "creation_site",
    "start",
    "created",
    "exited",
    "created_thirds",
    "exited_thirds",
    "alive",
    "runnable_seconds",
    "running_seconds",
    "blocked_seconds",
    "syscall_seconds",
    "signature",
    "wait",
    "blocking_site",
    "net_thirds",
    "net_per_second",
    "completed",
    "completed_seconds",
    "longest_seconds",
    "last_wake_seconds_ago",
    "open",
    "open_earlier",
    "open_born",
    "born_thirds",
    "open_seconds_median",
    "open_seconds_max",
    "never_woken",
    "waker_gone",
    "no_way_out",
    "wakers_alive",
)

WINDOW_READERS: dict[str, Callable[[LifecycleTraced], Any]] = {
    "event_id": attrgetter("id"),
    **{name: attrgetter(name) for name in _WINDOW_OF_TRACE},
    **{name: attrgetter(f"cost.{name}") for name in ("wall_seconds", "body_bytes")},
    "decode_seconds": attrgetter("cost.decode_seconds"),
}
"""Column to what it takes from a whole window."""


def window_row_count(event: LifecycleTraced) -> int:
    """How many rows a window becomes."""
    return max(1, len(event.creations) + len(event.flows))


def window_rows(events: Sequence[LifecycleTraced]) -> dict[str, list[Any]]:
    """The columns that differ from row to row of a window."""
    parts: list[CreationTraced | FlowTraced | None] = []
    wakers: list[list[dict[str, Any]] | None] = []
    for event in events:
        parts.extend((*event.creations, *event.flows) or (None,))
        woken_by = _woken_by(event)
        wakers.extend([None] * (len(event.creations) or not event.flows))
        wakers.extend(woken_by.get((flow.wait, flow.blocking_site)) for flow in event.flows)
    flows = [part if isinstance(part, FlowTraced) else None for part in parts]
    columns = {name: [getattr(part, name, None) for part in parts] for name in _LIFECYCLE_FIELDS}
    columns["blocked"] = [
        part.blocked if isinstance(part, CreationTraced) else None for part in parts
    ]
    columns["goroutine_ids"] = [flow and [one.goroutine for one in flow.blocked] for flow in flows]
    columns["wakers"] = wakers
    columns["evidence"] = [flow and evidence_value(flow.evidence) for flow in flows]
    return columns


def evidence_value(evidence: Sequence[Evidence]) -> list[dict[str, Any]]:
    """Evidence as its column holds it."""
    return [
        {
            "grade": one.grade.value,
            "detector": one.detector,
            "summary": one.summary,
            "numbers": list(one.numbers.items()),
        }
        for one in evidence
    ]


def _woken_by(event: LifecycleTraced) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Wait and blocking site to who woke it, as the column holds them."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for edge in event.wakers:
        found.setdefault((edge.wait, edge.blocking_site), []).append(
            {
                "site": edge.waker_site,
                "start": edge.waker_start,
                "count": edge.count,
                "alive": edge.waker_alive,
            }
        )
    return found
