"""What a topic holds, read by a plain consumer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from goleakprobe_agents.connection import client_options
from goleakprobe_schemas import TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from goleakprobe_agents.settings import BrokerSettings

PATIENCE_SECONDS = 30
# Long enough for a surplus message to arrive, if there were one.
GRACE_MS = 1500


def consume(settings: BrokerSettings, expected: Mapping[str, int]) -> dict[str, list[Any]]:
    """All messages by topic, once as many have come as expected and no more follow.

    The embedded broker's end offsets are not to be trusted, so the end is where nothing comes.
    """
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    found: dict[str, list[Any]] = {topic.name: [] for topic in TOPICS}
    try:
        consumer.assign(
            [TopicPartition(t.name, p) for t in TOPICS for p in range(settings.partitions)]
        )
        consumer.seek_to_beginning()
        idle_ms = 0
        while idle_ms < PATIENCE_SECONDS * 1000:
            polled = consumer.poll(timeout_ms=500)
            for records in polled.values():
                for record in records:
                    found[record.topic].append(record)
            idle_ms = 0 if polled else idle_ms + 500
            counts = Counter({name: len(records) for name, records in found.items()})
            if idle_ms >= GRACE_MS and counts >= Counter(expected):
                break
    finally:
        consumer.close()
    return found
