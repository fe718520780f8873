"""Stage one for traces: the trace windows of every target become assessments of its signatures.

Keyed by target. One window can accuse by chance: requests that take longer than it lasts look as
if they never ended, and a pool whose feeders have gone home looks deserted. So a window's evidence
counts for little until a later window of the same process agrees, and what the first one accused
must still be there:

* growth: at least half of the goroutines it saw stay behind must have been added to those blocked
  since then, and most of the goroutines seen by id must still stand where they stood;
* no way out: none of the goroutines whose wakers had all gone may have been woken since. One that
  was proves that wakers come back, and clears its signature of this charge for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.stage import Output, Record
from goleakprobe_schemas import (
    ASSESSMENTS,
    Evidence,
    FlowTraced,
    Grade,
    LifecycleFigures,
    LifecycleTraced,
    SignatureAssessed,
    SnapshotSource,
    Target,
    TargetAssessed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["LifecycleStage"]

_NS = 1_000_000_000
_VERSION = 1
_CLOCK_STEP_NS = 300 * _NS
_FORGET_AFTER_NS = 48 * 3600 * _NS
_SWEEP_EVERY_NS = 3600 * _NS
# Start times come from metrics pages as float seconds.
_SAME_PROCESS_NS = 2 * _NS
_MAX_IDS = 40
_KEPT_SHARE = 0.5
_NO_WAY_OUT = frozenset({"gone", "stuck"})


class _Accused(msgspec.Struct):
    """One signature that a window of this process found something against."""

    first_seen_ns: int
    seen_ns: int
    wait: str = ""
    blocking_site: str = ""
    creation_site: str = ""
    open: int = 0
    peak: int = 0
    born: int = 0
    no_way_out: int = 0
    ids: tuple[int, ...] = ()
    """Blocked at the end of the latest window, as far as it told."""
    deserted: tuple[int, ...] = ()
    """Of these, the ones without a way out."""
    woken_again: bool = False
    """One that had no way out was woken all the same."""
    grades: tuple[Grade, ...] = ()
    """Of the latest evidence."""
    windows: int = 0
    same_ids: int = 0
    per_hour: float | None = None
    created: int = 0
    exited: int = 0
    traced_seconds: float = 0.0


class _Target(msgspec.Struct):
    """One process of a target, as its traces so far show it."""

    time_ns: int = 0
    process_start_ns: int | None = None
    build_id: str = ""
    accused: dict[str, _Accused] = {}


class _State(msgspec.Struct):
    version: int
    swept_ns: int
    targets: dict[str, _Target]


class _Here(msgspec.Struct, frozen=True):
    """One window's flows of one signature, together."""

    flows: tuple[FlowTraced, ...]

    def total(self, figure: str) -> int:
        return sum(getattr(flow, figure) for flow in self.flows)

    @property
    def largest(self) -> FlowTraced:
        return max(self.flows, key=lambda flow: (flow.open_born, flow.open))

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Of every detector the reason of the largest flow, strongest grade first."""
        best: dict[str, tuple[int, Evidence]] = {}
        for flow in self.flows:
            for reason in flow.evidence:
                if reason.detector not in best or best[reason.detector][0] < flow.open:
                    best[reason.detector] = (flow.open, reason)
        found = (reason for _, reason in best.values())
        return tuple(sorted(found, key=lambda r: (r.grade.rank, r.detector)))


class LifecycleStage:
    """The first stage for one partition of the lifecycles topic.

    A window no newer than the last of its target is dropped; one that lies five minutes or more
    in the past means the clock was set back, and the target starts afresh, as it does with
    another process.
    """

    def __init__(self) -> None:
        self._targets: dict[str, _Target] = {}
        self._swept_ns = 0

    def apply(self, records: Sequence[Record]) -> list[Output]:
        """Advance by windows; answers with at most one assessment each, in record order."""
        return [output for record in records if (output := self._apply_one(record)) is not None]

    def dump(self) -> bytes:
        """The whole state as MessagePack."""
        return msgspec.msgpack.encode(_State(_VERSION, self._swept_ns, self._targets))

    def load(self, state: bytes) -> None:
        """Replace the state; ValueError for another version or damaged bytes."""
        try:
            loaded = msgspec.msgpack.decode(state, type=_State)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a lifecycle stage's state: {error}") from error
        if loaded.version != _VERSION:
            raise ValueError(f"lifecycle stage state of version {loaded.version}, not {_VERSION}")
        self._targets, self._swept_ns = loaded.targets, loaded.swept_ns

    def _apply_one(self, record: Record) -> Output | None:
        event = record.event
        assert isinstance(event, LifecycleTraced)
        key = Target(event.namespace, event.service, event.instance).key
        self._sweep(event.time_ns)
        target = self._targets.setdefault(key, _Target())
        stepped_back = target.time_ns - event.time_ns >= _CLOCK_STEP_NS
        if event.time_ns <= target.time_ns and not stepped_back:
            return None
        restarted = _restarted(target, event)
        if restarted or stepped_back:
            target.accused = {}
        before_ns, target.time_ns = target.time_ns, event.time_ns
        target.process_start_ns, target.build_id = event.process_start_ns, event.build_id
        assessed = _assess(target, event, before_ns)
        return _output(record, event, assessed, restarted=restarted)

    def _sweep(self, now_ns: int) -> None:
        """Forget targets that have not been traced for long."""
        if now_ns - self._swept_ns < _SWEEP_EVERY_NS:
            return
        self._swept_ns = now_ns
        oldest = now_ns - _FORGET_AFTER_NS
        for key in [key for key, known in self._targets.items() if known.time_ns < oldest]:
            del self._targets[key]


def _assess(target: _Target, event: LifecycleTraced, before_ns: int) -> list[SignatureAssessed]:
    here: dict[str, list[FlowTraced]] = {}
    for flow in event.flows:
        here.setdefault(flow.signature, []).append(flow)
    assessed = []
    for signature, flows in here.items():
        together = _Here(tuple(flows))
        known = target.accused.get(signature)
        evidence = together.evidence
        if known is None and not evidence:
            continue
        if known is None:
            known = _Accused(first_seen_ns=event.time_ns, seen_ns=event.time_ns)
            target.accused[signature] = known
        evidence = _hear(known, together, evidence, event, before_ns)
        assessed.append(_figures(signature, known, evidence))
        if not evidence and known.open < _KEPT_SHARE * known.peak:
            del target.accused[signature]
    for signature in sorted(target.accused.keys() - here.keys()):
        if event.truncated:
            # It may have been cut off the list: nothing new is known.
            assessed.append(_figures(signature, target.accused[signature], ()))
        else:
            del target.accused[signature]
    return assessed


def _hear(
    known: _Accused,
    here: _Here,
    evidence: tuple[Evidence, ...],
    event: LifecycleTraced,
    before_ns: int,
) -> tuple[Evidence, ...]:
    """Bring an accused signature up to date; answers with the evidence that stands."""
    now = {one.goroutine: one for flow in here.flows for one in flow.blocked}
    stayed = {name for name in known.ids if name in now and now[name].earlier}
    left = _left(known.ids, here)
    known.woken_again |= any(name in left for name in known.deserted)
    if known.woken_again:
        evidence = tuple(reason for reason in evidence if reason.detector not in _BY_WAKERS)
    opened = here.total("open")
    if not evidence:
        known.windows = 0 if len(left) > len(stayed) else known.windows
    elif known.windows and _agrees(known, evidence, opened, len(stayed), len(left)):
        known.windows += 1
    else:
        known.windows = 1
    hours = (event.time_ns - before_ns) / (3600 * _NS)
    follows = known.traced_seconds > 0 and hours > 0
    known.per_hour = (opened - known.open) / hours if follows else None
    known.same_ids = len(stayed)
    known.seen_ns = event.time_ns
    known.open, known.peak = opened, max(known.peak, opened)
    known.born, known.no_way_out = here.total("open_born"), here.total("no_way_out")
    known.grades = tuple(reason.grade for reason in evidence)
    known.ids = tuple(sorted(now))[:_MAX_IDS]
    known.deserted = tuple(sorted(name for name, one in now.items() if one.way_out in _NO_WAY_OUT))[
        :_MAX_IDS
    ]
    known.created += here.total("created")
    known.exited += here.total("exited")
    known.traced_seconds += event.window_seconds
    example = here.largest
    known.wait, known.blocking_site = example.wait, example.blocking_site
    known.creation_site = example.creation_site or example.start or known.creation_site
    return evidence


# Detectors of the trace whose charge falls once a deserted goroutine is woken after all.
_BY_WAKERS = frozenset({"trace_wakers_gone", "trace_wait_cycle"})


def _left(ids: Iterable[int], here: _Here) -> set[int]:
    """Ids known from the window before that certainly no longer wait as they did.

    A flow tells its oldest goroutines, in the order of their ids; one with a lower id than the
    last of these that is not told has gone, and so has one that has been blocked only recently.
    """
    told = {one.goroutine: one for flow in here.flows for one in flow.blocked}
    whole = all(len(flow.blocked) >= flow.open for flow in here.flows)
    oldest = [one.goroutine for one in told.values() if one.earlier]
    one_list = sum(flow.open_earlier > 0 for flow in here.flows) == 1
    reach = max(oldest, default=-1) if one_list else -1
    left = set()
    for name in ids:
        if name in told:
            if not told[name].earlier:
                left.add(name)
        elif whole or name < reach:
            left.add(name)
    return left


def _agrees(
    known: _Accused, evidence: Iterable[Evidence], opened: int, stayed: int, left: int
) -> bool:
    """Whether what the window before accused is still there."""
    if left > stayed:
        return False
    growing = any(reason.grade is Grade.GROWING for reason in evidence)
    if growing and Grade.GROWING in known.grades:
        return opened - known.open >= _KEPT_SHARE * known.born
    return opened >= known.open - left and bool(stayed or growing)


def _figures(signature: str, known: _Accused, evidence: tuple[Evidence, ...]) -> SignatureAssessed:
    return SignatureAssessed(
        signature=signature,
        count=known.open,
        wait=known.wait,
        blocking_site=known.blocking_site,
        creation_site=known.creation_site,
        first_seen_ns=known.first_seen_ns,
        lifecycle=LifecycleFigures(
            windows=known.windows,
            window_seconds=known.traced_seconds,
            created=known.created,
            exited=known.exited,
            born=known.born,
            no_way_out=known.no_way_out,
            same_ids=known.same_ids,
            per_hour=known.per_hour,
            evidence=evidence,
        ),
    )


def _restarted(target: _Target, event: LifecycleTraced) -> bool:
    if not target.time_ns:
        return False
    before, now = target.process_start_ns, event.process_start_ns
    if before is not None and now is not None:
        return abs(now - before) > _SAME_PROCESS_NS
    return bool(target.build_id and event.build_id and target.build_id != event.build_id)


def _output(
    record: Record,
    event: LifecycleTraced,
    assessed: Sequence[SignatureAssessed],
    *,
    restarted: bool,
) -> Output:
    made = TargetAssessed(
        id=record.origin,
        origin_topic=record.topic,
        origin_partition=record.partition,
        origin_offset=record.offset,
        namespace=event.namespace,
        service=event.service,
        instance=event.instance,
        time_ns=event.time_ns,
        source=SnapshotSource.TRACE,
        total=event.total,
        process_start_ns=event.process_start_ns,
        build_id=event.build_id,
        go_version=event.go_version,
        restarted=restarted,
        signatures=tuple(assessed),
    )
    target = Target(event.namespace, event.service, event.instance)
    return Output(ASSESSMENTS, target.service_key, made.id, made, made.time_ns)
