"""Workers come and go on Apache Kafka, and logs have holes of their own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from goleakprobe.lake.verify import verify_lake
from goleakprobe_agents.admin import apply_topics
from goleakprobe_agents.connection import client_options
from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.settings import BrokerSettings, Duration
from goleakprobe_schemas import RUNTIMES, SNAPSHOTS, TOPICS, encode
from local_kafka import KafkaCluster
from stream_harness import (
    Feed,
    assert_exact,
    drained,
    leaking_fleet,
    read_logs,
    stream_settings,
    waited,
)
from stream_messages import a_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from goleakprobe_agents.settings import StreamSettings

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

PARTITIONS = 4
TRANSACTIONS = 5


@pytest.fixture
def broker(require: Callable[[str], None], tmp_path: Path) -> Iterator[BrokerSettings]:
    require("java")
    require("maven")
    with KafkaCluster(tmp_path / "kafka") as cluster:
        settings = msgspec.structs.replace(
            cluster.settings(), partitions=PARTITIONS, session_timeout=Duration(6)
        )
        apply_topics(settings)
        yield settings


def worker(settings: StreamSettings, name: str) -> RunningStream:
    """One of several over the same lake and state."""
    return RunningStream(settings, status_folder=Path(settings.state.path) / f"status-{name}")


def partitions_of(stream: RunningStream) -> int:
    return len(stream.status().next_offsets("land"))


def test_workers_that_join_leave_and_are_killed_share_without_a_loss(
    broker: BrokerSettings, tmp_path: Path
) -> None:
    settings = stream_settings(broker, tmp_path)
    fleet = iter(list(leaking_fleet(80)))
    everything = PARTITIONS * len(TOPICS)
    with worker(settings, "stays") as stays, Feed(broker) as feed:

        def send_some() -> None:
            for _, (key, snapshot) in zip(range(100), fleet, strict=False):
                feed.send(SNAPSHOTS, key, snapshot)

        stays.wait_ready()
        for number, how in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGTERM)):
            send_some()
            with worker(settings, f"guest-{number}") as guest:
                guest.wait_ready()
                waited(lambda: 0 < partitions_of(guest) < everything, "a share for the guest")
                send_some()
                supervisor = guest.status().supervisor
                assert supervisor is not None
                os.kill(supervisor.pid, how)
                waited(lambda: not guest.running, "the guest to go")
            waited(lambda: partitions_of(stays) == everything, "the other to take over")
        for key, snapshot in fleet:
            feed.send(SNAPSHOTS, key, snapshot)
        feed.flush()
        verification = assert_exact(stays, drained(stays, broker))
        assert verification.total("events", "snapshots") == feed.sent[SNAPSHOTS.name]


def test_offsets_that_a_log_never_had_are_crossed_and_told(
    broker: BrokerSettings, tmp_path: Path
) -> None:
    """A transaction's end takes an offset that no consumer is ever given."""
    settings = stream_settings(broker, tmp_path)
    producer = transactional_producer(broker)
    try:
        log = tmp_path / "worker.log"
        with RunningStream(settings, role="land", log=log) as stream:
            stream.wait_ready()
            for number in range(TRANSACTIONS):
                producer.begin_transaction()
                for each in range(10):
                    event = encode(RUNTIMES, a_sample(10 * number + each))
                    producer.send(RUNTIMES.name, key=b"k", value=event)
                producer.commit_transaction()
            waited(lambda: stream.status().events.get(RUNTIMES.name, 0) == 50, "all samples")
            assert stream.status().restarts == 0
            assert stream.stop() == 0
        assert log.read_text().count("log_lacks_offsets") == TRANSACTIONS - 1
    finally:
        producer.close()
    verification = verify_lake(settings.lake.path)
    assert verification.exact
    # Behind the last marker nothing has come, so nobody knows of it yet.
    assert verification.total("absent", "runtime") == TRANSACTIONS - 1
    assert verification.total("events", "runtime") == 50
    assert verification.total("rows", "runtime") == 50


def test_offsets_that_retention_took_are_crossed_and_told(
    broker: BrokerSettings, tmp_path: Path
) -> None:
    """A worker comes back after so long that the broker has deleted what it had not read."""
    settings = stream_settings(broker, tmp_path)
    log = tmp_path / "worker.log"
    with Feed(broker) as feed:

        def send(numbers: range) -> None:
            for number in numbers:
                feed.send(RUNTIMES, "k", a_sample(number))
            feed.flush()

        def land_all_but(missing: int) -> None:
            with RunningStream(settings, role="land", log=log) as stream:
                waited(
                    lambda: (
                        sum(stream.status().next_offsets("land").values())
                        == feed.sent[RUNTIMES.name]
                    ),
                    "all samples to be taken",
                )
                assert stream.stop() == 0
            verification = verify_lake(settings.lake.path)
            assert verification.exact
            assert verification.total("absent", "runtime") == missing
            assert verification.total("rows", "runtime") == feed.sent[RUNTIMES.name] - missing

        send(range(10))
        land_all_but(0)
        send(range(10, 30))
        delete_before(broker, 25)
        land_all_but(15)
    assert "log_lacks_offsets" in log.read_text()


def delete_before(broker: BrokerSettings, offset: int) -> None:
    """What retention does, at once, in the one partition that has messages."""
    from kafka import TopicPartition
    from kafka.admin import KafkaAdminClient

    log = read_logs(broker, [RUNTIMES.name])[RUNTIMES.name]
    (partition,) = [partition for partition, messages in log.items() if messages]
    admin = KafkaAdminClient(**client_options(broker))
    try:
        admin.delete_records({TopicPartition(RUNTIMES.name, partition): offset})
    finally:
        admin.close()


def transactional_producer(broker: BrokerSettings) -> Any:
    from kafka import KafkaProducer

    producer = KafkaProducer(**client_options(broker), transactional_id="upstream")
    producer.init_transactions()
    return producer
