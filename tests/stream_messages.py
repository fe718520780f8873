"""Messages as a consumer would hand them over, and a stage simple enough to predict."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from goleakprobe_agents.stage import Output, Record
from goleakprobe_schemas import (
    ASSESSMENTS,
    RUNTIMES,
    SNAPSHOTS,
    RuntimeSampled,
    SnapshotCollected,
    SnapshotGroup,
    SnapshotSource,
    Target,
    TargetAssessed,
    Topic,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

START_NS = 1_700_000_000_000_000_000
START_SECONDS = START_NS / 1e9


@dataclass
class FetchedMessage:
    """What Faust's message looks like to a shell."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = b"k"
    timestamp: float = START_SECONDS
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def a_snapshot(number: int = 0, *, groups: int = 2, **changes: Any) -> SnapshotCollected:
    """The ``number``-th scrape of one target; one of its groups grows."""
    fields: dict[str, Any] = {
        "id": f"snapshot-{number}",
        "namespace": "default",
        "service": "checkout",
        "instance": "127.0.0.1:1",
        "time_ns": START_NS + number * 1_000_000_000,
        "source": SnapshotSource.DEBUG1,
        "total": 10 + number,
        "groups": tuple(
            SnapshotGroup(
                signature=f"{place:032x}",
                count=2 + (number if place == 1 else 0),
                wait="chan send",
                blocking_site=f"main.work{place} main.go:{place}",
                goroutine_ids=(1, 2) if place == 0 else (),
            )
            for place in range(groups)
        ),
    }
    return SnapshotCollected(**(fields | changes))


def a_sample(number: int = 0, **changes: Any) -> RuntimeSampled:
    """The ``number``-th runtime sample of one target."""
    fields: dict[str, Any] = {
        "id": f"sample-{number}",
        "namespace": "default",
        "service": "checkout",
        "instance": "127.0.0.1:1",
        "time_ns": START_NS + number * 1_000_000_000,
        "goroutines": number,
    }
    return RuntimeSampled(**(fields | changes))


def fetched(
    topic: Topic,
    offset: int,
    event: msgspec.Struct | bytes | None,
    *,
    partition: int = 0,
    headers: Sequence[tuple[str, bytes]] = (),
    timestamp: float = START_SECONDS,
) -> FetchedMessage:
    """An event, or raw bytes, as a message."""
    body = encode(topic, event) if isinstance(event, msgspec.Struct) else event
    return FetchedMessage(
        topic.name, partition, offset, body, headers=list(headers), timestamp=timestamp
    )


def with_id(message: FetchedMessage, event_id: str, *, source: str = "test") -> FetchedMessage:
    """The message as the event of that CloudEvents source and id."""
    named = [("ce_source", source.encode()), ("ce_id", event_id.encode())]
    return replace(message, headers=[*message.headers, *named])


def snapshots(offsets: range, *, partition: int = 0) -> list[FetchedMessage]:
    """One snapshot message per offset."""
    return [fetched(SNAPSHOTS, n, a_snapshot(n), partition=partition) for n in offsets]


def samples(offsets: range, *, partition: int = 0) -> list[FetchedMessage]:
    """One runtime message per offset."""
    return [fetched(RUNTIMES, n, a_sample(n), partition=partition) for n in offsets]


class AddingStage:
    """Adds up totals, and answers each snapshot with the sum so far."""

    def __init__(self, fail_at: Sequence[int] = ()) -> None:
        self.total = 0
        self.applied: list[int] = []
        self._fail_at = set(fail_at)

    def apply(self, records: Sequence[Record]) -> list[Output]:
        outputs = []
        for record in records:
            if record.offset in self._fail_at:
                raise ArithmeticError(f"cannot add {record.offset}")
            event: Any = record.event
            self.total += event.total
            self.applied.append(record.offset)
            outputs.append(_answer(record, self.total))
        return outputs

    def dump(self) -> bytes:
        return json.dumps(self.total).encode()

    def load(self, state: bytes) -> None:
        self.total = json.loads(state)


def _answer(record: Record, total: int) -> Output:
    event: Any = record.event
    target = Target(event.namespace, event.service, event.instance)
    assessed = TargetAssessed(
        id=record.origin,
        origin_topic=record.topic,
        origin_partition=record.partition,
        origin_offset=record.offset,
        namespace=event.namespace,
        service=event.service,
        instance=event.instance,
        time_ns=event.time_ns,
        source=event.source,
        total=total,
    )
    return Output(ASSESSMENTS, target.service_key, record.origin, assessed, event.time_ns)
