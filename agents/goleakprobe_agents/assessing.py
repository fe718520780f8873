"""Stage one: the snapshots of every target become assessments of its signatures.

Keyed by target. Each (target, signature) is one row of the detectors, and so is each target's
total. Only signatures with something against them travel on.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.bank import SeriesBank, SeriesVerdicts
from goleakprobe_agents.evidence import STUCK_SECONDS
from goleakprobe_agents.rounds import rounds
from goleakprobe_agents.rows import RowAllocator
from goleakprobe_agents.stage import Output, Record
from goleakprobe_agents.target_memory import KnownSignature, TargetMemory
from goleakprobe_schemas import (
    ASSESSMENTS,
    SignatureAssessed,
    SnapshotCollected,
    SnapshotGroup,
    SnapshotSource,
    Target,
    TargetAssessed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.settings import DetectionSettings

__all__ = ["OVERFLOW_SIGNATURE", "AssessingStage"]

OVERFLOW_SIGNATURE = "0" * 32
"""Stands for all signatures of a target beyond the configured number."""

_NS = 1_000_000_000
_VERSION = 1
_CLOCK_STEP_NS = 300 * _NS
_FORGET_AFTER_NS = 3600 * _NS


class _State(msgspec.Struct):
    version: int
    targets: dict[str, TargetMemory]
    totals: RowAllocator
    rows: RowAllocator
    total_bank: bytes
    bank: bytes


class _Counted(msgspec.Struct):
    """One count snapshot on its way through a round."""

    place: int
    record: Record
    target: TargetMemory
    restarted: bool
    total_place: int = 0
    """Its place in the round's update of totals."""
    first: int = 0
    """Where its signatures begin in the round's update of signatures."""
    names: list[str] = []


class AssessingStage:
    """The first stage for one partition of the snapshots topic.

    What happens to awkward input: a snapshot no newer than the last one of its target and kind is
    dropped (a duplicate or out of order); one that lies five minutes or more in the past means the
    clock was set back, and the target starts afresh; a new process start clears what the leak
    profile said and tells the detectors.
    """

    def __init__(self, settings: DetectionSettings) -> None:
        self._settings = settings
        self._targets: dict[str, TargetMemory] = {}
        self._totals = RowAllocator()
        self._rows = RowAllocator()
        self._total_bank = SeriesBank(settings, totals=True)
        self._bank = SeriesBank(settings)

    def apply(self, records: Sequence[Record]) -> list[Output]:
        """Advance by snapshots; answers with at most one assessment each, in record order."""
        answers: list[Output | None] = [None] * len(records)
        for round_ in rounds(records, key=_target_key):
            self._apply_round(round_, answers)
        return [output for output in answers if output is not None]

    def dump(self) -> bytes:
        """The whole state as MessagePack."""
        state = _State(
            _VERSION,
            self._targets,
            self._totals,
            self._rows,
            self._total_bank.dump(),
            self._bank.dump(),
        )
        return msgspec.msgpack.encode(state)

    def load(self, state: bytes) -> None:
        """Replace the state; ValueError for another version or damaged bytes."""
        try:
            loaded = msgspec.msgpack.decode(state, type=_State)
        except msgspec.DecodeError as error:
            raise ValueError(f"not an assessing stage's state: {error}") from error
        if loaded.version != _VERSION:
            raise ValueError(f"assessing stage state of version {loaded.version}, not {_VERSION}")
        total_bank, bank = SeriesBank(self._settings, totals=True), SeriesBank(self._settings)
        total_bank.load(loaded.total_bank)
        bank.load(loaded.bank)
        self._targets, self._totals, self._rows = loaded.targets, loaded.totals, loaded.rows
        self._total_bank, self._bank = total_bank, bank

    def _apply_round(self, round_: list[tuple[int, Record]], answers: list[Output | None]) -> None:
        counted: list[_Counted] = []
        for place, record in round_:
            event = _snapshot(record)
            target = self._target(_target_key(record))
            if event.source is SnapshotSource.LEAK:
                answers[place] = self._take_leak_profile(record, target)
            elif event.source is not SnapshotSource.LEAK_DELTA:
                one = self._take_counts(place, record, target)
                if one is not None:
                    counted.append(one)
        if not counted:
            return
        totals = self._update_totals(counted)
        verdicts = self._update_signatures(counted)
        for one in counted:
            answers[one.place] = self._assess(one, totals, verdicts)

    def _target(self, key: str) -> TargetMemory:
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = TargetMemory(row=self._totals.take())
        return target

    def _take_leak_profile(self, record: Record, target: TargetMemory) -> Output | None:
        event = _snapshot(record)
        if event.time_ns <= target.profile_ns:
            return None
        target.profile_ns = event.time_ns
        for known in target.signatures.values():
            known.leaked = 0
        for group in event.groups:
            known = self._known(target, group, event.time_ns)
            known.leaked += group.count
        for known in target.signatures.values():
            if known.leaked:
                known.leaked_samples += 1
                known.suspicious = True
        assessed = [
            self._figures(name, known, event.time_ns) for name, known in target.leaking().items()
        ]
        return _output(record, target, assessed)

    def _take_counts(self, place: int, record: Record, target: TargetMemory) -> _Counted | None:
        event = _snapshot(record)
        if target.time_ns - event.time_ns >= _CLOCK_STEP_NS:
            self._start_afresh(target)
        elif event.time_ns <= target.time_ns:
            return None
        restarted = target.advance(event)
        for group in event.groups:
            self._known(target, group, event.time_ns).count += group.count
        if event.source is SnapshotSource.DEBUG2:
            target.follow_ids(event)
        self._release(target.drop_unseen(target.time_ns - _FORGET_AFTER_NS))
        return _Counted(place, record, target, restarted)

    def _known(self, target: TargetMemory, group: SnapshotGroup, now_ns: int) -> KnownSignature:
        known = target.signatures.get(group.signature)
        if known is None and len(target.signatures) >= self._settings.max_signatures_per_target:
            return self._overflow(target, now_ns)
        if known is None:
            known = KnownSignature(self._rows.take(), now_ns, now_ns)
            target.signatures[group.signature] = known
        known.see(group, now_ns)
        return known

    def _overflow(self, target: TargetMemory, now_ns: int) -> KnownSignature:
        known = target.signatures.get(OVERFLOW_SIGNATURE)
        if known is None:
            known = KnownSignature(
                self._rows.take(), now_ns, now_ns, blocking_site="(many signatures)"
            )
            target.signatures[OVERFLOW_SIGNATURE] = known
        known.seen_ns = now_ns
        return known

    def _start_afresh(self, target: TargetMemory) -> None:
        self._release([known.row for known in target.signatures.values()])
        self._total_bank.reset([target.row])
        target.signatures = {}
        target.time_ns = target.profile_ns = 0
        target.requests_total = target.request_rate = None

    def _release(self, rows: list[int]) -> None:
        if rows:
            self._bank.reset(rows)
            self._rows.release(rows)

    def _update_totals(self, counted: list[_Counted]) -> SeriesVerdicts:
        for place, one in enumerate(counted):
            one.total_place = place
        targets = [one.target for one in counted]
        self._total_bank.resize(self._totals.size)
        return self._total_bank.update(
            [target.row for target in targets],
            [target.time_ns for target in targets],
            [_snapshot(one.record).total for one in counted],
            [target.process_start_ns or 0 for target in targets],
            [nan if target.request_rate is None else target.request_rate for target in targets],
        )

    def _update_signatures(self, counted: list[_Counted]) -> SeriesVerdicts:
        rows: list[int] = []
        times: list[int] = []
        values: list[int] = []
        starts: list[int] = []
        for one in counted:
            target = one.target
            one.first, one.names = len(rows), list(target.signatures)
            for known in target.signatures.values():
                rows.append(known.row)
                values.append(known.count)
            added = len(rows) - one.first
            times.extend([target.time_ns] * added)
            starts.extend([target.process_start_ns or 0] * added)
        self._bank.resize(self._rows.size)
        return self._bank.update(rows, times, values, starts)

    def _assess(self, one: _Counted, totals: SeriesVerdicts, verdicts: SeriesVerdicts) -> Output:
        target, now_ns = one.target, one.target.time_ns
        assessed: list[SignatureAssessed] = []
        for place, name in enumerate(one.names, start=one.first):
            known = target.signatures[name]
            if known.count and (
                verdicts.rising(place) or known.ids_seconds(now_ns) >= STUCK_SECONDS
            ):
                known.suspicious = True
            # A burst is told once; only what may be a leak is followed from then on.
            if known.suspicious or verdicts.bursting(place):
                assessed.append(self._figures(name, known, now_ns, verdicts, place))
                known.suspicious = known.suspicious and known.count > 0
        return _output(
            one.record,
            target,
            assessed,
            restarted=one.restarted,
            dual_window=totals.dual_window(one.total_place),
            growth=totals.growth(one.total_place),
        )

    def _figures(
        self,
        name: str,
        known: KnownSignature,
        now_ns: int,
        verdicts: SeriesVerdicts | None = None,
        place: int = 0,
    ) -> SignatureAssessed:
        return SignatureAssessed(
            signature=name,
            count=known.count,
            wait=known.wait,
            state=known.state,
            blocking_site=known.blocking_site,
            creation_site=known.creation_site,
            first_seen_ns=known.first_seen_ns,
            oldest_seconds=known.ids_seconds(now_ns),
            dual_window=verdicts.dual_window(place) if verdicts else None,
            growth=verdicts.growth(place) if verdicts else None,
            leaked=known.leaked,
            leaked_samples=known.leaked_samples,
            same_ids=len(known.ids),
        )


def _snapshot(record: Record) -> SnapshotCollected:
    assert isinstance(record.event, SnapshotCollected)
    return record.event


def _target_key(record: Record) -> str:
    event = _snapshot(record)
    return Target(event.namespace, event.service, event.instance).key


def _output(
    record: Record, target: TargetMemory, assessed: list[SignatureAssessed], **figures: object
) -> Output:
    event = _snapshot(record)
    assessment = TargetAssessed(
        id=record.origin,
        origin_topic=record.topic,
        origin_partition=record.partition,
        origin_offset=record.offset,
        namespace=event.namespace,
        service=event.service,
        instance=event.instance,
        time_ns=event.time_ns,
        source=event.source,
        total=event.total,
        process_start_ns=event.process_start_ns,
        build_id=event.build_id,
        go_version=event.go_version,
        signatures=tuple(assessed),
        **figures,  # type: ignore[arg-type]
    )
    key = Target(event.namespace, event.service, event.instance).service_key
    return Output(ASSESSMENTS, key, assessment.id, assessment, event.time_ns)
