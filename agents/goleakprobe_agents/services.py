"""Stage two: the assessments of all instances of a service become statistics and findings.

Keyed by service. A finding looks over instances, so one bad stack on two hundred instances is one
finding; a service's own series is the mean per live instance, so scaling out is no leak.

Where offsets begin again the log is a new one, and who reads the findings may never have seen what
was told before (the embedded broker is lost with its machine): what still fires is told again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.anomalies import AnomalyGate
from goleakprobe_agents.evidence import judge
from goleakprobe_agents.findings import FindingPolicy, FindingTracker, InstanceEvidence
from goleakprobe_agents.rounds import rounds
from goleakprobe_agents.rows import RowAllocator
from goleakprobe_agents.series import ServiceSeries
from goleakprobe_agents.stage import Output, Record
from goleakprobe_schemas import (
    FINDINGS,
    STATISTICS,
    Service,
    SnapshotSource,
    StatisticsComputed,
    TargetAssessed,
    finding_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from goleakprobe_agents.settings import DetectionSettings
    from goleakprobe_schemas import SignatureAssessed

__all__ = ["ServiceStage"]

_NS = 1_000_000_000
_VERSION = 1
# Sources that count some goroutines only: what they do not name may well be there.
_PARTIAL = frozenset({SnapshotSource.LEAK, SnapshotSource.LEAK_DELTA, SnapshotSource.TRACE})


class _Instance(msgspec.Struct):
    """The newest assessment of one instance."""

    time_ns: int
    total: int


class _Service(msgspec.Struct):
    """Everything known of one service."""

    row: int
    instances: dict[str, _Instance] = {}
    trackers: dict[str, FindingTracker] = {}
    anomaly: AnomalyGate = msgspec.field(default_factory=AnomalyGate)


class _State(msgspec.Struct):
    version: int
    services: dict[str, _Service]
    rows: RowAllocator
    series: bytes
    next_offset: int = 0


class ServiceStage:
    """The second stage for one partition of the assessments topic."""

    def __init__(self, settings: DetectionSettings, policy: FindingPolicy | None = None) -> None:
        self._policy = policy or FindingPolicy()
        self._settings = settings
        self._services: dict[str, _Service] = {}
        self._rows = RowAllocator()
        self._series = ServiceSeries(settings)
        self._next_offset = 0

    def apply(self, records: Sequence[Record]) -> list[Output]:
        """Advance by assessments; answers with statistics and findings in record order."""
        answers: list[list[Output]] = [[] for _ in records]
        if records:
            if records[0].offset < self._next_offset:
                self._tell_again()
            self._next_offset = records[-1].offset + 1
        for round_ in rounds(records, key=lambda record: _service_of(record).key):
            self._apply_round(round_, answers)
        return [output for outputs in answers for output in outputs]

    def dump(self) -> bytes:
        """The whole state as MessagePack."""
        state = _State(_VERSION, self._services, self._rows, self._series.dump(), self._next_offset)
        return msgspec.msgpack.encode(state)

    def load(self, state: bytes) -> None:
        """Replace the state; ValueError for another version or damaged bytes."""
        try:
            loaded = msgspec.msgpack.decode(state, type=_State)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a service stage's state: {error}") from error
        if loaded.version != _VERSION:
            raise ValueError(f"service stage state of version {loaded.version}, not {_VERSION}")
        series = ServiceSeries(self._settings)
        series.load(loaded.series)
        self._services, self._rows, self._series = loaded.services, loaded.rows, series
        self._next_offset = loaded.next_offset

    def _tell_again(self) -> None:
        for state in self._services.values():
            for tracker in [*state.trackers.values(), state.anomaly.finding]:
                tracker.tell_again()

    def _apply_round(self, round_: list[tuple[int, Record]], answers: list[list[Output]]) -> None:
        counted: list[tuple[int, Record, _Service]] = []
        for place, record in round_:
            event = _assessment(record)
            state = self._service(_service_of(record).key)
            if event.source not in _PARTIAL:
                state.instances[event.instance] = _Instance(event.time_ns, event.total)
                self._forget_gone_instances(state, event.time_ns)
                counted.append((place, record, state))
            self._hear(state, event)
        for (place, record, state), statistics in zip(
            counted, self._statistics(counted), strict=True
        ):
            key = _service_of(record).key
            answers[place].append(
                Output(STATISTICS, key, statistics.id, statistics, statistics.time_ns)
            )
            state.anomaly.observe(statistics)
        for place, record in round_:
            state = self._services[_service_of(record).key]
            answers[place].extend(self._findings(state, record))

    def _service(self, key: str) -> _Service:
        state = self._services.get(key)
        if state is None:
            state = self._services[key] = _Service(row=self._rows.take())
        return state

    def _forget_gone_instances(self, state: _Service, now_ns: int) -> None:
        oldest = now_ns - int(self._policy.instance_ttl_seconds * _NS)
        for name in [n for n, known in state.instances.items() if known.time_ns < oldest]:
            del state.instances[name]

    def _statistics(self, counted: list[tuple[int, Record, _Service]]) -> list[StatisticsComputed]:
        if not counted:
            return []
        rows = [state.row for _, _, state in counted]
        values = [_mean(state) for _, _, state in counted]
        times = [_assessment(record).time_ns for _, record, _ in counted]
        self._series.resize(self._rows.size)
        verdicts = self._series.update(rows, times, values)
        return [
            StatisticsComputed(
                id=record.origin,
                namespace=_assessment(record).namespace,
                service=_assessment(record).service,
                time_ns=_assessment(record).time_ns,
                goroutines=sum(known.total for known in state.instances.values()),
                instances=len(state.instances),
                dual_window=verdict.dual_window,
                model=verdict.model,
                suspects=len(state.trackers),
            )
            for (_, record, state), verdict in zip(counted, verdicts, strict=True)
        ]

    def _hear(self, state: _Service, event: TargetAssessed) -> None:
        """Bring every tracker up to date with what this instance says, or no longer says."""
        named = {signature.signature for signature in event.signatures}
        for signature in event.signatures:
            evidence = judge(signature)
            tracker = state.trackers.get(signature.signature)
            if tracker is None and not evidence:
                continue
            if tracker is None:
                tracker = state.trackers.setdefault(signature.signature, FindingTracker())
            _describe_place(tracker, signature)
            held = tracker.instances.get(event.instance)
            if held is None or held.process_start_ns != event.process_start_ns:
                held = InstanceEvidence(
                    time_ns=event.time_ns,
                    process_start_ns=event.process_start_ns,
                    build_id=event.build_id,
                    go_version=event.go_version,
                    count=signature.count,
                    counted=event.source is not SnapshotSource.TRACE,
                )
                tracker.instances[event.instance] = held
            held.time_ns = event.time_ns
            if event.source is SnapshotSource.TRACE:
                held.observe_trace(signature, evidence, event.time_ns)
            else:
                held.observe(signature, evidence)
        for name, tracker in state.trackers.items():
            if name not in named:
                self._hear_nothing(tracker, event)

    def _hear_nothing(self, tracker: FindingTracker, event: TargetAssessed) -> None:
        """An assessment of an instance that does not name a tracker's signature."""
        held = tracker.instances.get(event.instance)
        if held is None:
            return
        if event.source is SnapshotSource.TRACE:
            held.forget_traces()
            if not held.counted:
                del tracker.instances[event.instance]
        elif event.source not in _PARTIAL:
            same = held.process_start_ns == event.process_start_ns and not event.restarted
            if not (same and held.unnamed(event.time_ns, self._policy)):
                del tracker.instances[event.instance]

    def _findings(self, state: _Service, record: Record) -> Iterator[Output]:
        event = _assessment(record)
        for signature, tracker in list(state.trackers.items()):
            tracker.expire(event.time_ns, self._policy)
            yield from self._publish(state, record, signature, tracker)
            if not tracker.firing and not tracker.instances:
                del state.trackers[signature]
        guilty = any(tracker.firing for tracker in state.trackers.values())
        tracker = state.anomaly.tracker(event, guilty=guilty)
        yield from self._publish(state, record, "", tracker)

    def _publish(
        self, state: _Service, record: Record, signature: str, tracker: FindingTracker
    ) -> Iterator[Output]:
        event = _assessment(record)
        decided = tracker.decide(event.time_ns, self._policy)
        if decided is None:
            return
        finding = tracker.describe(
            event_id=f"{record.origin}-{signature or 'anomaly'}",
            namespace=event.namespace,
            service=event.service,
            signature=signature,
            state=decided,
            now_ns=event.time_ns,
            instances_total=len(state.instances),
        )
        key = finding_key(_service_of(record), signature or "anomaly")
        yield Output(FINDINGS, key, finding.id, finding, event.time_ns)


def _assessment(record: Record) -> TargetAssessed:
    assert isinstance(record.event, TargetAssessed)
    return record.event


def _service_of(record: Record) -> Service:
    event = _assessment(record)
    return Service(event.namespace, event.service)


def _mean(state: _Service) -> float:
    return sum(known.total for known in state.instances.values()) / len(state.instances)


def _describe_place(tracker: FindingTracker, signature: SignatureAssessed) -> None:
    tracker.wait = signature.wait or tracker.wait
    tracker.blocking_site = signature.blocking_site or tracker.blocking_site
    tracker.creation_site = signature.creation_site or tracker.creation_site
