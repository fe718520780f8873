"""Where the broker's logs begin and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.admin import log_ids
from goleakprobe_agents.broker import is_embedded
from goleakprobe_agents.connection import client_options
from goleakprobe_agents.errors import BrokerUnavailableError
from goleakprobe_schemas import TOPICS

if TYPE_CHECKING:
    from goleakprobe_agents.settings import BrokerSettings

__all__ = ["BrokerLog", "broker_logs"]


class BrokerLog(msgspec.Struct, frozen=True, kw_only=True):
    """One partition of one topic as the broker has it now."""

    topic: str
    log_id: str
    partition: int
    first_offset: int
    """The oldest that retention has left."""
    end_offset: int
    """One behind the newest."""


def broker_logs(settings: BrokerSettings) -> list[BrokerLog] | None:
    """All logs of the contract; None where the broker cannot tell (the embedded one cannot).

    Raises BrokerUnavailableError. Blocks.
    """
    from kafka import KafkaConsumer, TopicPartition
    from kafka.errors import KafkaError

    if is_embedded(settings):
        return None
    ids = log_ids(settings)
    places = [TopicPartition(t.name, p) for t in TOPICS for p in range(settings.partitions)]
    try:
        consumer = KafkaConsumer(**client_options(settings), group_id=None)
        try:
            # The beginnings first: what retention takes meanwhile is not missed then.
            firsts = consumer.beginning_offsets(places)
            ends = consumer.end_offsets(places)
        finally:
            consumer.close()
    except KafkaError as error:
        raise BrokerUnavailableError(
            settings.bootstrap_servers, f"{type(error).__name__}: {error}"
        ) from error
    return [
        BrokerLog(
            topic=place.topic,
            log_id=ids[place.topic],
            partition=place.partition,
            first_offset=int(firsts[place]),
            end_offset=int(ends[place]),
        )
        for place in places
    ]
