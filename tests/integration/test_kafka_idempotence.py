"""A broker that was killed still knows what an idempotent producer had sent it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from goleakprobe_agents.admin import apply_topics
from goleakprobe_agents.connection import client_options
from goleakprobe_schemas import SNAPSHOTS
from local_kafka import KafkaCluster
from stream_harness import count, read_logs, waited
from stream_messages import START_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from goleakprobe_agents.settings import BrokerSettings

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.timeout(600),
    # kafka-python 3.0 leaves sockets to the garbage collector whose connection was refused.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

EVENTS = 5


def an_idempotent_producer(broker: BrokerSettings) -> Any:
    from kafka import KafkaProducer

    return closing(KafkaProducer(**client_options(broker), enable_idempotence=True, linger_ms=200))


def publish(producer: Any) -> None:
    """One batch of events that happened years ago."""
    sent = [
        producer.send(
            SNAPSHOTS.name, value=b"%d" % n, partition=0, timestamp_ms=START_NS // 1_000_000
        )
        for n in range(EVENTS)
    ]
    for future in sent:
        future.get(60)


def resend(broker: BrokerSettings, identity: Any) -> None:
    """The first batch once more, under the number that its producer gave it."""
    with an_idempotent_producer(broker) as producer:
        state = producer._transaction_manager
        waited(state.has_producer_id, "a producer id")
        state.set_producer_id_and_epoch(identity)
        publish(producer)


def written(broker: BrokerSettings) -> int:
    return count(read_logs(broker, [SNAPSHOTS.name])[SNAPSHOTS.name])


def test_a_batch_that_comes_again_after_the_broker_was_killed_is_known(
    require: Callable[[str], None], tmp_path: Path
) -> None:
    require("java")
    require("maven")
    with KafkaCluster(tmp_path / "kafka") as cluster:
        broker = cluster.settings()
        apply_topics(broker)
        with an_idempotent_producer(broker) as producer:
            publish(producer)
            identity = producer._transaction_manager.producer_id_and_epoch
        resend(broker, identity)
        assert written(broker) == EVENTS
        (node,) = cluster.nodes
        node.kill()
        node.start()
        cluster.wait_ready()
        resend(broker, identity)
        assert written(broker) == EVENTS
