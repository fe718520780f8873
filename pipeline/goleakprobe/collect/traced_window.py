"""A decoded trace and a target to events; pure, and within every limit of the contract.

The runtime's own workers are left out, and of every list the most telling entries are kept.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from goleakprobe.collect.assemble import event_id, stack_event
from goleakprobe.collect.untrusted import clean_text
from goleakprobe.profiles.signatures import visible_frames
from goleakprobe_agents.stage import Output
from goleakprobe_schemas import (
    LIFECYCLES,
    BlockedTraced,
    CreationTraced,
    CycleTraced,
    FlowTraced,
    Grade,
    LifecycleTraced,
    MoveTraced,
    WakerTraced,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from goleakprobe.collect.assemble import ProcessIdentity
    from goleakprobe.collect.targets import ScrapeTarget
    from goleakprobe.collect.tracing import Traced
    from goleakprobe.trace import TraceWindow
    from goleakprobe.trace.window import BlockedGoroutine, CreationSite, Flow, UnblockEdge
    from goleakprobe_schemas import Evidence

__all__ = ["lifecycle_event", "traced_stacks"]

S = TypeVar("S")
T = TypeVar("T", bound=msgspec.Struct)

_MAX_SITE_CHARS = 512
_MAX_NAME_CHARS = 512
_MAX_WAIT_CHARS = 64
_MAX_REASON_CHARS = 300
_MAX_VERSION_CHARS = 64
_MAX_BLOCKED = 20
_MAX_DESERTED = 10
_MAX_MOVES = 20
_MAX_DAMAGES = 20
_NO_WAY_OUT = frozenset({"gone", "stuck"})
# Room in a message for all but the three long lists.
_ENVELOPE_BYTES = 256 * 1024

_FlowKey = tuple[str, str, str, str]


class _Known(NamedTuple):
    """A flow, some of its blocked goroutines and what is held against it."""

    flow: Flow
    blocked: tuple[BlockedGoroutine, ...]
    evidence: tuple[Evidence, ...]


def lifecycle_event(
    traced: Traced, target: ScrapeTarget, *, process: ProcessIdentity, time_ns: int | None = None
) -> Output:
    """The window of one trace as an event; ``time_ns`` is when its answer was complete."""
    time_ns = traced.time_ns if time_ns is None else time_ns
    window = traced.report.window
    room = _Room(LIFECYCLES.message_limit_bytes - _ENVELOPE_BYTES)
    flows = room.take(_flows(traced), lambda known: _flow(known, window.seconds))
    moves = _moves(window)
    creations = room.take(
        [site for site in window.creation_sites if not site.runtime],
        lambda site: _creation(site, moves.get((site.site, site.start), ())),
    )
    wakers = room.take(window.unblock_edges, _waker)
    damages = (traced.cut, *window.damages) if traced.cut else window.damages
    event = LifecycleTraced(
        id=event_id(target, time_ns, "trace"),
        namespace=target.identity.namespace,
        service=target.identity.service,
        instance=target.identity.instance,
        time_ns=time_ns,
        window_seconds=max(0.0, window.seconds),
        total=window.alive,
        states={clean_text(name, _MAX_WAIT_CHARS): n for name, n in window.states.items()},
        process_start_ns=process.start_ns,
        go_version=clean_text(process.go_version, _MAX_VERSION_CHARS),
        build_id=clean_text(process.build_id, _MAX_NAME_CHARS),
        format_version=window.format_version,
        trace_events=window.events,
        generations=window.generations,
        lost_bytes=window.lost_bytes,
        damages=tuple(clean_text(why, _MAX_REASON_CHARS) for why in damages[:_MAX_DAMAGES]),
        truncated=window.truncated or room.exhausted,
        creations=tuple(creations),
        flows=tuple(flows),
        wakers=tuple(wakers),
        cycles=tuple(
            CycleTraced(size=c.size, goroutines=c.goroutines, sites=tuple(map(_site, c.sites[:20])))
            for c in window.cycles
        ),
        cost=traced.cost,
        labels=target.labels,
    )
    return Output(LIFECYCLES, target.key, event.id, event, time_ns)


def traced_stacks(traced: Traced, *, build_id: str, wanted: Callable[[str], bool]) -> list[Output]:
    """An example stack of each signature that ``wanted`` wants, which is asked once for each."""
    made: dict[str, Output] = {}
    for site in traced.report.window.blocking_sites:
        if site.signature not in made and site.frames and site.open and wanted(site.signature):
            made[site.signature] = stack_event(
                site.signature,
                visible_frames(site.frames),
                wait=site.wait,
                blocking_site=site.site,
                creation_site="",
                build_id=build_id,
                time_ns=traced.time_ns,
            )
    return list(made.values())


class _Room:
    """Bytes that are left in the message."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes
        self.exhausted = False

    def take(self, things: Iterable[S], make: Callable[[S], T]) -> list[T]:
        """As many of the things, made into parts of the message, as there is room for."""
        taken: list[T] = []
        for thing in things:
            part = make(thing)
            self._left -= len(msgspec.json.encode(part)) + 1
            if self._left < 0:
                self.exhausted = True
                break
            taken.append(part)
        return taken


def _flows(traced: Traced) -> list[_Known]:
    """Flows, those with evidence first, each with some of its goroutines."""
    report = traced.report
    evidence: dict[_FlowKey, tuple[Evidence, ...]] = {
        (one.creation_site, one.start, one.wait, one.blocking_site): one.evidence
        for one in report.suspects
        # What builds up within seconds is daily work to a fleet that is watched for hours.
        if one.grade is not Grade.ANOMALOUS
    }
    blocked: dict[_FlowKey, list[BlockedGoroutine]] = defaultdict(list)
    for one in report.window.blocked:
        blocked[one.creation_site, one.start, one.wait, one.site].append(one)
    found = [
        _Known(flow, tuple(blocked.get(_key(flow), ())), evidence.get(_key(flow), ()))
        for flow in report.window.flows
        if not (flow.runtime or flow.blocking_site.startswith("runtime."))
    ]
    found.sort(key=lambda known: not known.evidence)
    return found


def _key(flow: Flow) -> _FlowKey:
    return flow.creation_site, flow.start, flow.wait, flow.blocking_site


def _flow(known: _Known, seconds: float) -> FlowTraced:
    flow = known.flow
    return FlowTraced(
        creation_site=_site(flow.creation_site),
        start=_site(flow.start),
        signature=flow.signature,
        wait=clean_text(flow.wait, _MAX_WAIT_CHARS),
        blocking_site=_site(flow.blocking_site),
        created=flow.created,
        exited=flow.exited,
        net_thirds=flow.net_thirds,
        net_per_second=(flow.created - flow.exited) / seconds if seconds > 0 else 0.0,
        completed=flow.completed,
        completed_seconds=flow.completed_seconds,
        longest_seconds=flow.longest_seconds,
        last_wake_seconds_ago=flow.last_wake_seconds_ago,
        open=flow.open,
        open_earlier=flow.open_earlier,
        open_born=flow.open_born,
        born_thirds=flow.born_thirds,
        open_seconds_median=flow.open_seconds_median,
        open_seconds_max=flow.open_seconds_max,
        never_woken=flow.never_woken,
        waker_gone=flow.waker_gone,
        no_way_out=flow.no_way_out,
        wakers_alive=flow.wakers_alive,
        blocked=_some(known.blocked),
        evidence=tuple(_clean(reason) for reason in known.evidence),
    )


def _some(blocked: Sequence[BlockedGoroutine]) -> tuple[BlockedTraced, ...]:
    deserted = [one for one in blocked if one.way_out in _NO_WAY_OUT][:_MAX_DESERTED]
    chosen = {one.goroutine for one in deserted}
    others = [one for one in blocked if one.goroutine not in chosen]
    return tuple(
        BlockedTraced(
            goroutine=one.goroutine,
            seconds=one.seconds,
            earlier=one.earlier,
            wakes=one.wakes,
            way_out=one.way_out,
        )
        for one in [*deserted, *others][:_MAX_BLOCKED]
    )


def _clean(reason: Evidence) -> Evidence:
    return msgspec.structs.replace(reason, summary=clean_text(reason.summary, 2 * _MAX_SITE_CHARS))


def _creation(site: CreationSite, moves: Sequence[MoveTraced]) -> CreationTraced:
    return CreationTraced(
        creation_site=_site(site.site),
        start=_site(site.start),
        created=site.created,
        exited=site.exited,
        created_thirds=site.created_thirds,
        exited_thirds=site.exited_thirds,
        alive=site.alive,
        blocked=site.blocked,
        runnable_seconds=site.times.runnable_seconds,
        running_seconds=site.times.running_seconds,
        blocked_seconds=site.times.blocked_seconds,
        syscall_seconds=site.times.syscall_seconds,
        moves=tuple(moves[:_MAX_MOVES]),
    )


def _moves(window: TraceWindow) -> dict[tuple[str, str], list[MoveTraced]]:
    moves: dict[tuple[str, str], list[MoveTraced]] = defaultdict(list)
    for move in window.transitions:
        moves[move.creation_site, move.start].append(
            MoveTraced(before=move.before, after=move.after, count=move.count)
        )
    return moves


def _waker(edge: UnblockEdge) -> WakerTraced:
    return WakerTraced(
        waker_site=_site(edge.waker_site),
        waker_creation_site=_site(edge.waker_creation_site),
        waker_start=_site(edge.waker_start),
        waker_alive=edge.waker_alive,
        wait=clean_text(edge.wait, _MAX_WAIT_CHARS),
        blocking_site=_site(edge.blocking_site),
        count=edge.count,
    )


def _site(text: str) -> str:
    return clean_text(text, _MAX_SITE_CHARS)
