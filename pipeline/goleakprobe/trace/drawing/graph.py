"""The lifecycle of goroutines as a graph: states, transitions, and what guards them.

A blocked state is one for each blocking site; its way out carries the guard: the code that
unblocked it. A blocked state that suspects sit in is marked.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe.trace.evidence import Suspect
    from goleakprobe.trace.window import TraceWindow

__all__ = ["Edge", "LifecycleGraph", "Node", "lifecycle_graph"]

_BLOCKED = "blocked"
_ORDER = ("created", "runnable", "running", "syscall", "dead")


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A state; ``now`` is how many goroutines are in it at the end."""

    key: str
    title: str
    detail: str = ""
    now: int = 0
    suspect: bool = False


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """A transition that happened ``count`` times, and what it waited for."""

    source: str
    target: str
    count: int
    guard: str = ""


class LifecycleGraph(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes in reading order, edges by count."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def lifecycle_graph(
    window: TraceWindow,
    suspects: Sequence[Suspect] = (),
    creation_site: str | None = None,
    blocking_sites: int = 12,
) -> LifecycleGraph:
    """The graph of one creation site (a part of its name is enough), or of all of them.

    The runtime's own goroutines are left out. At most ``blocking_sites`` blocked states are told
    apart, those with open waits first; the rest is one state.
    """

    def wanted(site: str, start: str) -> bool:
        return creation_site is None or creation_site in site or creation_site in start

    flows = [
        flow for flow in window.flows if not flow.runtime and wanted(flow.creation_site, flow.start)
    ]
    runtime = {(site.site, site.start) for site in window.creation_sites if site.runtime}
    ranked: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for flow in flows:
        total = ranked[flow.wait, flow.blocking_site]
        total[0] += flow.open
        total[1] += flow.completed
    order = sorted(ranked, key=lambda key: (-ranked[key][0], -ranked[key][1], key))
    shown = {key: f"blocked{number}" for number, key in enumerate(order[:blocking_sites])}
    guilty = {(suspect.wait, suspect.blocking_site) for suspect in suspects}
    edges: dict[tuple[str, str], int] = defaultdict(int)
    for move in window.transitions:
        own = (move.creation_site, move.start)
        if own in runtime or not wanted(*own) or _BLOCKED in (move.before, move.after):
            continue
        edges[move.before, move.after] += move.count
    nodes = [Node(key=key, title=key, now=window.states.get(key, 0)) for key in _ORDER]
    rest = [0, 0]
    for key in order:
        now, completed = ranked[key]
        if key not in shown:
            rest[0] += now
            rest[1] += completed
            continue
        node = Node(key=shown[key], title=key[0], detail=key[1], now=now, suspect=key in guilty)
        nodes.append(node)
        edges["running", node.key] += completed + now
        edges[node.key, "runnable"] += completed
    if rest[0] or rest[1]:
        nodes.append(Node(key="others", title="other waits", now=rest[0]))
        edges["running", "others"] += rest[0] + rest[1]
        edges["others", "runnable"] += rest[1]
    guards = _guards(window, shown)
    drawn = [
        Edge(source=source, target=target, count=count, guard=guards.get(source, ""))
        for (source, target), count in edges.items()
        if count
    ]
    drawn.sort(key=lambda edge: (-edge.count, edge.source, edge.target))
    return LifecycleGraph(
        title=creation_site or "all goroutines", nodes=tuple(nodes), edges=tuple(drawn)
    )


def _guards(window: TraceWindow, shown: dict[tuple[str, str], str]) -> dict[str, str]:
    """The code that most often ended each wait; edges come by count."""
    guards: dict[str, str] = {}
    for edge in window.unblock_edges:
        key = shown.get((edge.wait, edge.blocking_site))
        if key is not None and key not in guards:
            guards[key] = edge.waker_site or "runtime (timer, network)"
    return guards
