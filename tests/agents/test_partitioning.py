"""Keys keep their partitions, whichever client publishes."""

from __future__ import annotations

from unittest.mock import MagicMock

from kafka.partitioner import Partitioner
from kafka.partitioner.default import DefaultPartitioner

from goleakprobe_agents.partitioning import ByKey


def test_keys_go_where_every_other_kafka_client_sends_them() -> None:
    cluster = MagicMock()
    cluster.topics.return_value = {"t"}
    cluster.partitions_for_topic.return_value = set(range(7))
    for number in range(100):
        key = f"shop/service-{number}".encode()
        kafkas = DefaultPartitioner().partition("t", key, key, None, None, cluster)
        assert ByKey().partition("t", key, key, None, None, cluster) == kafkas


def test_the_producer_knows_it_for_a_partitioner() -> None:
    """It warns about any other, and gives it other arguments."""
    assert isinstance(ByKey(), Partitioner)
