"""Stage one: the snapshots of every target become assessments of its signatures.

Keyed by target. Each (target, signature) is one row of the detectors, and so is each target's
total. Only signatures with something against them travel on.
"""

from __future__ import annotations

from itertools import chain
from math import nan
from sys import intern
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from goleakprobe_agents.bank import SeriesBank, SeriesVerdicts, grown
from goleakprobe_agents.detection.row_store import bytes_in
from goleakprobe_agents.dumped_ids import follow_ids
from goleakprobe_agents.evidence import STUCK_SECONDS
from goleakprobe_agents.rounds import rounds
from goleakprobe_agents.rows import RowAllocator
from goleakprobe_agents.stage import Output, Record
from goleakprobe_agents.target_memory import (
    UNCOUNTED,
    KnownSignature,
    Layout,
    TargetMemory,
    signature_facts,
)
from goleakprobe_schemas import (
    ASSESSMENTS,
    Service,
    SignatureAssessed,
    SnapshotCollected,
    SnapshotGroup,
    SnapshotSource,
    TargetAssessed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from goleakprobe_agents.detection.row_store import RowStore
    from goleakprobe_agents.settings import DetectionSettings

__all__ = ["OVERFLOW_SIGNATURE", "AssessingStage"]

OVERFLOW_SIGNATURE = "0" * 32
"""Stands for all signatures of a target beyond the configured number."""

_NS = 1_000_000_000
_VERSION = 3
_LENGTH_BYTES = 8
_CLOCK_STEP_NS = 300 * _NS
_FORGET_AFTER_NS = 3600 * _NS
_DUMPS_TELL_NS = 1800 * _NS


Key = tuple[str, str, str]
"""Namespace, service and instance."""


class _State(msgspec.Struct):
    version: int
    targets: dict[Key, TargetMemory]
    totals: RowAllocator
    rows: RowAllocator
    sizes: tuple[int, int, int]
    """Bytes of the totals' detectors, the signatures' detectors and the facts, which follow."""


class _Counted(msgspec.Struct):
    """One count snapshot on its way through a round."""

    place: int
    record: Record
    event: SnapshotCollected
    target: TargetMemory
    layout: Layout
    restarted: bool


class _Round:
    """The signatures of all targets of a round, one after the other."""

    def __init__(self, counted: Sequence[_Counted]) -> None:
        sizes = np.array([len(one.layout.rows) for one in counted], dtype=np.int64)
        self.owner = np.repeat(np.arange(len(counted)), sizes)
        """Whose signature each is."""
        self.first = np.cumsum(sizes) - sizes
        self.rows = np.concatenate([one.layout.rows for one in counted])
        groups = np.array([len(one.layout.places) for one in counted], dtype=np.int64)
        places = np.concatenate([one.layout.places for one in counted])
        self.places = places + np.repeat(self.first, groups)
        """Where each group belongs."""
        self.times = np.array([one.event.time_ns for one in counted], dtype=np.int64)
        starts = [one.event.process_start_ns or 0 for one in counted]
        self.starts = np.array(starts, dtype=np.int64)
        self.truncated = np.array([one.event.truncated for one in counted], dtype=np.bool_)
        values = [group.count for one in counted for group in one.event.groups]
        counts = np.bincount(self.places, weights=values, minlength=len(self.rows))
        self.counts = counts.astype(np.float64)


class AssessingStage:
    """The first stage for one partition of the snapshots topic.

    What happens to awkward input: a snapshot no newer than the last one of its target and kind is
    dropped (a duplicate or out of order); one that lies five minutes or more in the past means the
    clock was set back, and the target starts afresh; a new process start clears what the leak
    profile said and tells the detectors.
    """

    def __init__(self, settings: DetectionSettings) -> None:
        self._settings = settings
        self._targets: dict[Key, TargetMemory] = {}
        self._layouts: dict[int, Layout] = {}
        """By the target's row."""
        self._totals = RowAllocator()
        self._rows = RowAllocator()
        self._facts = signature_facts()
        self._total_bank = SeriesBank(settings, totals=True)
        self._bank = SeriesBank(settings)

    def apply(self, records: Sequence[Record]) -> list[Output]:
        """Advance by snapshots; answers with at most one assessment each, in record order."""
        answers: list[Output | None] = [None] * len(records)
        for round_ in rounds(records, key=_target_key):
            self._apply_round(round_, answers)
        return [output for output in answers if output is not None]

    def dump(self) -> bytes:
        """The whole state: a head in MessagePack, then arrays, copied once."""
        arrays = (self._total_bank.parts(), self._bank.parts(), self._facts.parts())
        sizes = (bytes_in(arrays[0]), bytes_in(arrays[1]), bytes_in(arrays[2]))
        state = _State(_VERSION, self._targets, self._totals, self._rows, sizes)
        head = msgspec.msgpack.encode(state)
        length = len(head).to_bytes(_LENGTH_BYTES, "little")
        return b"".join([length, head, *chain.from_iterable(arrays)])

    def load(self, state: bytes) -> None:
        """Replace the state; ValueError for another version or damaged bytes."""
        end = _LENGTH_BYTES + int.from_bytes(state[:_LENGTH_BYTES], "little")
        try:
            loaded = msgspec.msgpack.decode(state[_LENGTH_BYTES:end], type=_State)
        except msgspec.DecodeError as error:
            raise ValueError(f"not an assessing stage's state: {error}") from error
        if loaded.version != _VERSION:
            raise ValueError(f"assessing stage state of version {loaded.version}, not {_VERSION}")
        total_bank, bank = SeriesBank(self._settings, totals=True), SeriesBank(self._settings)
        facts = signature_facts()
        parts: tuple[SeriesBank | RowStore, ...] = (total_bank, bank, facts)
        for part, size in zip(parts, loaded.sizes, strict=True):
            part.load(state[end : end + size])
            end += size
        if end != len(state):
            raise ValueError(f"an assessing stage's state has {len(state) - end} bytes too many")
        self._targets, self._totals, self._rows = loaded.targets, loaded.totals, loaded.rows
        self._total_bank, self._bank, self._facts = total_bank, bank, facts
        layouts = {target.row: target.layout() for target in self._targets.values()}
        self._layouts = {row: layout for row, layout in layouts.items() if layout is not None}

    def _apply_round(self, round_: list[tuple[int, Record]], answers: list[Output | None]) -> None:
        counted: list[_Counted] = []
        for place, record in round_:
            event = record.event
            assert isinstance(event, SnapshotCollected)
            target = self._target(_target_key(record))
            if event.source is SnapshotSource.LEAK:
                answers[place] = self._take_leak_profile(record, event, target)
            elif event.source is not SnapshotSource.LEAK_DELTA:
                one = self._take_counts(place, record, event, target)
                if one is not None:
                    counted.append(one)
        if not counted:
            return
        totals = self._update_totals(counted)
        told = self._update_signatures(counted)
        for place, one in enumerate(counted):
            answers[one.place] = _output(
                one.record,
                one.event,
                told.get(place, ()),
                restarted=one.restarted,
                dual_window=totals.dual_window(place),
                growth=totals.growth(place),
            )

    def _target(self, key: Key) -> TargetMemory:
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = TargetMemory(row=self._totals.take())
        return target

    def _take_leak_profile(
        self, record: Record, event: SnapshotCollected, target: TargetMemory
    ) -> Output | None:
        if event.time_ns <= target.profile_ns:
            return None
        target.profile_ns = event.time_ns
        for known in target.signatures.values():
            known.leaked = 0
        for group in event.groups:
            known = self._known(target, group, event.time_ns)
            self._facts["seen_ns"][known.row] = event.time_ns
            known.leaked += 0 if known.main else group.count
        suspicious = self._facts["suspicious"]
        for known in target.signatures.values():
            if known.leaked:
                known.leaked_samples += 1
                suspicious[known.row] = True
        assessed = [
            self._figures(name, known)
            for name, known in target.signatures.items()
            if suspicious[known.row]
        ]
        return _output(record, event, assessed)

    def _take_counts(
        self, place: int, record: Record, event: SnapshotCollected, target: TargetMemory
    ) -> _Counted | None:
        if target.time_ns - event.time_ns >= _CLOCK_STEP_NS:
            self._start_afresh(target)
        elif event.time_ns <= target.time_ns:
            return None
        restarted = target.advance(event)
        if restarted:
            self._forgive(target)
        names = tuple([group.signature for group in event.groups])
        layout = self._layouts.get(target.row)
        if layout is None or restarted or layout.names != names or target.source != event.source:
            layout = self._read_groups(target, event, names)
        elif len(layout.rows) != len(target.signatures):
            layout.rows = target.rows()
        if event.source is SnapshotSource.DEBUG2:
            self._bank.note_turnover(follow_ids(target, event, self._facts))
            target.dumped_ns = event.time_ns
        elif target.dumped_ns and event.time_ns - target.dumped_ns > _DUMPS_TELL_NS:
            self._forget_turnover(target)
        return _Counted(place, record, event, target, layout, restarted)

    def _forget_turnover(self, target: TargetMemory) -> None:
        """A process that grew too large for dumps is not judged by what the last one showed."""
        rows = target.rows()
        self._facts["turnover"][rows] = 0
        self._bank.note_turnover(dict.fromkeys(rows.tolist(), 0.0))
        target.dumped_ns = 0

    def _forgive(self, target: TargetMemory) -> None:
        """Forget what the process before was accused of."""
        for known in target.signatures.values():
            known.leaked = known.leaked_samples = 0
            known.ids, known.dumped = (), b""
        rows = target.rows()
        self._facts["suspicious"][rows] = False
        for name in ("ids_since_ns", "ids_seen_ns", "turnover"):
            self._facts[name][rows] = 0

    def _read_groups(
        self, target: TargetMemory, event: SnapshotCollected, names: tuple[str, ...]
    ) -> Layout:
        """Find each group's signature, and read what the groups say of their places."""
        for group in event.groups:
            self._known(target, group, event.time_ns)
        place_of = {name: place for place, name in enumerate(target.signatures)}
        overflow = place_of.get(OVERFLOW_SIGNATURE, 0)
        places = [place_of.get(name, overflow) for name in names]
        target.source = event.source.value
        # Signatures beyond the cap have no place to be found at the next time.
        whole = all(name in place_of for name in names)
        target.places = places if whole else None
        layout = Layout(names, places, target)
        if whole:
            self._layouts[target.row] = layout
        else:
            self._layouts.pop(target.row, None)
        return layout

    def _known(self, target: TargetMemory, group: SnapshotGroup, now_ns: int) -> KnownSignature:
        known = target.signatures.get(group.signature)
        if known is None and len(target.signatures) >= self._settings.max_signatures_per_target:
            known = target.signatures.get(OVERFLOW_SIGNATURE)
            return known or self._new(target, OVERFLOW_SIGNATURE, now_ns, "(many signatures)")
        if known is None:
            known = self._new(target, group.signature, now_ns, "")
        known.describe(group)
        return known

    def _new(self, target: TargetMemory, name: str, now_ns: int, site: str) -> KnownSignature:
        known = KnownSignature(self._rows.take(), now_ns, blocking_site=site)
        target.signatures[name] = known
        if self._rows.size > self._facts.rows:
            self._facts.resize(grown(self._facts.rows, self._rows.size))
        self._facts["seen_ns"][known.row] = now_ns
        return known

    def _start_afresh(self, target: TargetMemory) -> None:
        self._release(target.rows())
        self._total_bank.reset([target.row])
        self._layouts.pop(target.row, None)
        target.signatures, target.places = {}, None
        target.time_ns = target.profile_ns = target.dumped_ns = 0
        target.requests_total = target.request_rate = None

    def _release(self, rows: NDArray[np.int64]) -> None:
        if len(rows):
            self._bank.reset(rows)
            self._facts.reset(rows)
            self._rows.release(rows.tolist())

    def _drop_unseen(self, one: _Counted) -> None:
        """Forget signatures not seen for an hour."""
        target, seen = one.target, self._facts["seen_ns"]
        oldest = target.time_ns - _FORGET_AFTER_NS
        gone = [name for name, known in target.signatures.items() if seen[known.row] < oldest]
        rows = [target.signatures.pop(name).row for name in gone]
        self._release(np.array(rows, dtype=np.int64))
        one.layout = self._read_groups(target, one.event, one.layout.names)

    def _update_totals(self, counted: list[_Counted]) -> SeriesVerdicts:
        targets = [one.target for one in counted]
        self._total_bank.resize(self._totals.size)
        return self._total_bank.update(
            [target.row for target in targets],
            [target.time_ns for target in targets],
            [one.event.total for one in counted],
            [target.process_start_ns or 0 for target in targets],
            [nan if target.request_rate is None else target.request_rate for target in targets],
        )

    def _gather(self, counted: list[_Counted]) -> _Round:
        """Everything of the round in arrays, without what has not been seen for an hour."""
        round_, seen = _Round(counted), self._facts["seen_ns"]
        seen[round_.rows[round_.places]] = round_.times[round_.owner[round_.places]]
        unseen = seen[round_.rows] < (round_.times - _FORGET_AFTER_NS)[round_.owner]
        if not unseen.any():
            return round_
        for place in np.unique(round_.owner[unseen]).tolist():
            self._drop_unseen(counted[place])
        return _Round(counted)

    def _update_signatures(self, counted: list[_Counted]) -> dict[int, list[SignatureAssessed]]:
        """Advance all signatures of the round; what is told, by place among the counted."""
        round_, facts = self._gather(counted), self._facts
        rows, times = round_.rows, round_.times[round_.owner]
        facts["count"][rows] = round_.counts
        whole = np.where(round_.truncated[round_.owner], UNCOUNTED, facts["count"][rows])
        facts["least"][rows] = np.minimum(facts["least"][rows], whole)
        self._bank.resize(self._rows.size)
        verdicts = self._bank.update(rows, times, round_.counts, round_.starts[round_.owner])
        present = round_.counts > 0
        stayed = facts["ids_seen_ns"][rows] - facts["ids_since_ns"][rows] >= STUCK_SECONDS * _NS
        stuck = stayed & facts["never_idle"][rows] & (facts["least"][rows] > 0)
        suspicious = facts["suspicious"][rows] | (present & (verdicts.rising | stuck))
        # A burst is told once; only what may be a leak is followed from then on.
        facts["suspicious"][rows] = suspicious & present
        told: dict[int, list[SignatureAssessed]] = {}
        for place in np.flatnonzero(suspicious | verdicts.bursting).tolist():
            owner = int(round_.owner[place])
            one = counted[owner]
            if owner not in told:
                told[owner] = []
                names = list(one.target.signatures)
            name = names[place - int(round_.first[owner])]
            known = one.target.signatures[name]
            for group in one.event.groups:
                if group.signature == name:
                    known.describe(group)
            told[owner].append(self._figures(name, known, verdicts, place))
        return told

    def _figures(
        self,
        name: str,
        known: KnownSignature,
        verdicts: SeriesVerdicts | None = None,
        place: int = 0,
    ) -> SignatureAssessed:
        facts = self._facts
        stayed = int(facts["ids_seen_ns"][known.row] - facts["ids_since_ns"][known.row])
        return SignatureAssessed(
            signature=name,
            count=int(facts["count"][known.row]),
            wait=known.wait,
            # The encoder leaves out a default it knows by identity, after a restart as before it.
            state=intern(known.state),
            blocking_site=known.blocking_site,
            creation_site=known.creation_site,
            first_seen_ns=known.first_seen_ns,
            oldest_seconds=stayed / _NS,
            dual_window=verdicts.dual_window(place) if verdicts else None,
            growth=verdicts.growth(place) if verdicts else None,
            leaked=known.leaked,
            leaked_samples=known.leaked_samples,
            turnover=float(facts["turnover"][known.row]),
            same_ids=min(len(known.ids), int(facts["least"][known.row])),
        )


def _target_key(record: Record) -> Key:
    event = record.event
    assert isinstance(event, SnapshotCollected)
    return event.namespace, event.service, event.instance


def _output(
    record: Record,
    event: SnapshotCollected,
    assessed: Sequence[SignatureAssessed],
    **figures: object,
) -> Output:
    origin = record.origin
    assessment = TargetAssessed(
        id=origin,
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
    key = Service(event.namespace, event.service).key
    return Output(ASSESSMENTS, key, origin, assessment, event.time_ns)
