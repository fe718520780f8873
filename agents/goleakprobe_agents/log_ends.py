"""Questions to the broker beside the group's own consumer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goleakprobe_agents.connection import client_options

if TYPE_CHECKING:
    from goleakprobe_agents.settings import BrokerSettings

__all__ = ["first_offset_from"]

_WAIT_MS = 15_000


def first_offset_from(
    settings: BrokerSettings, topic: str, partition: int, offset: int
) -> int | None:
    """The first offset at or behind ``offset`` that the broker's log really holds.

    None if nothing came in time. Asked with a consumer of its own, outside every group, so that
    nothing a group's consumer has buffered can colour the answer. Blocks.
    """
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        consumer_timeout_ms=_WAIT_MS,
    )
    try:
        consumer.assign([TopicPartition(topic, partition)])
        consumer.seek(TopicPartition(topic, partition), offset)
        for record in consumer:
            return int(record.offset)
        return None
    finally:
        consumer.close()
