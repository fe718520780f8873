"""A whole stream on a broker: feed it, wait for it, and compare what came out with what went in."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goleakprobe.lake import LakeMissingError
from goleakprobe.lake.verify import Verification, verify_lake
from goleakprobe_agents.assessing import AssessingStage
from goleakprobe_agents.connection import client_options
from goleakprobe_agents.event_ids import event_key
from goleakprobe_agents.intake import decode_message
from goleakprobe_agents.origins import OriginMarks, origin_of
from goleakprobe_agents.services import ServiceStage
from goleakprobe_agents.settings import (
    BrokerSettings,
    DetectionSettings,
    Duration,
    LakeSettings,
    StateSettings,
    StreamSettings,
)
from goleakprobe_schemas import (
    ASSESSMENTS,
    SNAPSHOTS,
    TOPICS,
    EventError,
    SnapshotCollected,
    SnapshotGroup,
    SnapshotSource,
    Target,
    Topic,
    decode,
    encode,
)
from stream_messages import START_NS, FetchedMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import msgspec

    from goleakprobe_agents.launch import RunningStream
    from goleakprobe_agents.stage import Output, Stage

LONG_SECONDS = 240.0
"""Machines that run tests are busy; nothing is ever late, only stuck."""

Log = dict[int, list[FetchedMessage]]
"""Partition to messages in offset order."""


def stream_settings(broker: BrokerSettings, folder: Path, **lake: Any) -> StreamSettings:
    """Settings whose files live in a test's folder, with short intervals."""
    lake = {"path": str(folder / "lake"), "roll_interval": Duration(0.5)} | lake
    return StreamSettings(
        broker=broker,
        lake=LakeSettings(**lake),
        state=StateSettings(path=str(folder / "state"), snapshot_interval=Duration(1)),
    )


class Feed:
    """Publishes like a collector."""

    def __init__(self, broker: BrokerSettings) -> None:
        from kafka import KafkaProducer

        self._producer = KafkaProducer(
            **client_options(broker),
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=5,
            max_request_size=20 * 1024 * 1024,
        )
        self.sent: dict[str, int] = defaultdict(int)

    def send(
        self,
        topic: Topic,
        key: str,
        event: msgspec.Struct | bytes | None,
        *,
        event_id: str | None = None,
    ) -> None:
        """Publish an event, or bytes as they are, with a CloudEvents id if one is given."""
        value = event if event is None or isinstance(event, bytes) else encode(topic, event)
        named = [("ce_source", b"test"), ("ce_id", event_id.encode())] if event_id else []
        self._producer.send(topic.name, key=key.encode(), value=value, headers=named)
        self.sent[topic.name] += 1

    def send_and_wait(self, topic: Topic, key: str, value: bytes) -> None:
        """Publish, and raise what the broker says against it."""
        self._producer.send(topic.name, key=key.encode(), value=value).get(30)

    def flush(self) -> None:
        """Wait until the broker has everything."""
        self._producer.flush(60)

    def close(self) -> None:
        self._producer.close()

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def leaking_fleet(
    scrapes: int, *, services: int = 3, instances: int = 2
) -> Iterator[tuple[str, SnapshotCollected]]:
    """Keys and snapshots of a fleet in time order; the first service leaks, provably at the end."""
    for number in range(scrapes):
        for service in range(services):
            for instance in range(instances):
                target = Target("default", f"service-{service}", f"10.0.0.{instance}:80")
                yield target.key, _scrape(target, number, leaks=service == 0)
                if service == 0 and number > 3:
                    yield target.key, _leak_profile(target, number)


def _scrape(target: Target, number: int, *, leaks: bool) -> SnapshotCollected:
    counts = [5, 7 + 4 * number if leaks else 7, 3]
    return SnapshotCollected(
        id=f"{target.key}@{number}",
        namespace=target.namespace,
        service=target.service,
        instance=target.instance,
        time_ns=START_NS + number * 15 * 10**9,
        source=SnapshotSource.DEBUG0,
        total=sum(counts),
        process_start_ns=START_NS - 10**9,
        groups=tuple(
            SnapshotGroup(
                signature=f"{place:032x}",
                count=count,
                wait="chan send",
                blocking_site=f"main.work{place} main.go:{place}",
                creation_site=f"main.start{place} main.go:{place + 50}",
            )
            for place, count in enumerate(counts)
        ),
    )


def _leak_profile(target: Target, number: int) -> SnapshotCollected:
    return SnapshotCollected(
        id=f"{target.key}@leak-{number}",
        namespace=target.namespace,
        service=target.service,
        instance=target.instance,
        time_ns=START_NS + number * 15 * 10**9 + 10**9,
        source=SnapshotSource.LEAK,
        total=4 * number,
        process_start_ns=START_NS - 10**9,
        groups=(
            SnapshotGroup(
                signature=f"{1:032x}", count=4 * number, wait="chan send", leaked=4 * number
            ),
        ),
    )


def read_logs(broker: BrokerSettings, names: Sequence[str]) -> dict[str, Log]:
    """Everything that topics hold now."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(
        **client_options(broker),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    logs: dict[str, Log] = {name: {p: [] for p in range(broker.partitions)} for name in names}
    try:
        consumer.assign([TopicPartition(name, p) for name in names for p in logs[name]])
        consumer.seek_to_beginning()
        quiet = 0
        while quiet < 3:
            fetched = consumer.poll(timeout_ms=700)
            quiet = 0 if fetched else quiet + 1
            for records in fetched.values():
                for record in records:
                    logs[record.topic][record.partition].append(_fetched(record))
    finally:
        consumer.close()
    for name, log in logs.items():
        for partition, messages in log.items():
            offsets = [m.offset for m in messages]
            assert offsets == list(range(len(messages))), f"{name}/{partition}"
    return logs


def _fetched(record: Any) -> FetchedMessage:
    return FetchedMessage(
        record.topic,
        record.partition,
        record.offset,
        record.value,
        record.key,
        record.timestamp / 1000,
        list(record.headers),
    )


def count(log: Log) -> int:
    return sum(len(messages) for messages in log.values())


def waited(condition: Callable[[], bool], what: str, seconds: float = LONG_SECONDS) -> None:
    """Return once a condition holds; fail loudly if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.2)


def covered(verification: Verification, topic: Topic) -> int:
    """How many messages of a topic the lake's files account for."""
    logs = [log for log in verification.logs if log.topic == topic.name]
    return sum(log.last_offset - log.first_offset + 1 for log in logs)


def landed_so_far(lake: Path | str, *, read_rows: bool = True) -> Verification:
    """The verified lake, which need not be there yet: the first file makes it."""
    try:
        return verify_lake(lake, read_rows=read_rows)
    except LakeMissingError:
        return Verification(logs=(), violations=())


def drained(stream: RunningStream, broker: BrokerSettings) -> dict[str, Log]:
    """Wait until every role has read all there is and all is landed; the logs of all topics."""
    settings = stream.settings
    waited(lambda: _idle(stream), "every role to read to the end")
    logs = read_logs(broker, [topic.name for topic in TOPICS])
    waited(
        lambda: all(
            covered(landed_so_far(settings.lake.path, read_rows=False), topic)
            >= count(logs[topic.name])
            for topic in TOPICS
        ),
        "the lake to cover the logs",
    )
    return logs


def _idle(stream: RunningStream) -> bool:
    """Whether two looks, some time apart, show all roles assigned, without lag and unmoved."""
    assert stream.running, stream.log_tail()

    def look() -> tuple[object, ...] | None:
        status = stream.status()
        if not status.ready or any(status.lag(role) for role in status.roles):
            return None
        return tuple(sorted(status.next_offsets(role).items()) for role in sorted(status.roles))

    first = look()
    if first is None:
        return False
    time.sleep(3.0)
    return look() == first


def without_repetitions(log: Log) -> Log:
    """What a reader sees that drops events it has seen before, source events and derived ones."""
    seen: Log = {}
    for partition, messages in log.items():
        marks, keys = OriginMarks(), set[bytes | None]()
        seen[partition] = []
        for message in messages:
            origin, key = origin_of(message), event_key(message)
            if marks.admit(origin) if origin is not None else key is None or key not in keys:
                seen[partition].append(message)
            keys.add(key)
    return seen


def undisturbed(
    topic: Topic, log: Log, stage: Callable[[], Stage]
) -> dict[str, list[tuple[str, bytes]]]:
    """Topic to (event id, body) in order, as stages of one uninterrupted life would answer."""
    answers: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for messages in without_repetitions(log).values():
        one = stage()
        for message in messages:
            try:
                record = decode_message(topic, message)
            except EventError:
                continue
            for output in one.apply([record]):
                answers[output.topic.name].append(_told(output))
    return {name: sorted(told) for name, told in answers.items()}


def _told(output: Output) -> tuple[str, bytes]:
    return output.event_id, encode(output.topic, output.event)


def told(log: Log) -> list[tuple[str, bytes]]:
    """(event id, body) of a derived topic, repetitions dropped."""
    return sorted(
        (dict(m.headers)["ce_id"].decode(), m.value or b"")
        for messages in without_repetitions(log).values()
        for m in messages
        if m.headers  # those of the stages; a test's own garbage has none
    )


def assert_exact(stream: RunningStream, logs: Mapping[str, Log]) -> Verification:
    """Every message is in the lake once, and every derived event is what it should be."""
    verification = verify_lake(stream.settings.lake.path)
    assert verification.violations == ()
    for topic in TOPICS:
        log = logs[topic.name]
        assert covered(verification, topic) == count(log), topic.name
        events = [
            m for part in without_repetitions(log).values() for m in part if _is_event(topic, m)
        ]
        assert verification.total("events", topic.table) == len(events), topic.name
    detection = DetectionSettings()
    assessed = undisturbed(SNAPSHOTS, logs[SNAPSHOTS.name], lambda: AssessingStage(detection))
    assert told(logs[ASSESSMENTS.name]) == assessed[ASSESSMENTS.name]
    served = undisturbed(ASSESSMENTS, logs[ASSESSMENTS.name], lambda: ServiceStage(detection))
    for name, expected in served.items():
        assert told(logs[name]) == expected, name
    return verification


def _is_event(topic: Topic, message: FetchedMessage) -> bool:
    try:
        decode(topic, message.value)
    except EventError:
        return False
    return True
