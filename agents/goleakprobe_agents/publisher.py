"""Publishing that has happened when it returns.

Faust's own producer only logs a failed delivery; this one, kafka-python's with idempotence,
retries in order and answers for every message.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec

from goleakprobe_agents.connection import client_options
from goleakprobe_agents.errors import BrokerUnavailableError
from goleakprobe_agents.origins import numbered_origins, origin_headers
from goleakprobe_schemas import TOPICS, Headers, cloud_event_headers, dead_letter_headers, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.intake import Message
    from goleakprobe_agents.settings import BrokerSettings
    from goleakprobe_agents.stage import Output
    from goleakprobe_schemas import Topic

__all__ = ["Outgoing", "Publisher", "dead_letter", "not_ahead", "outgoing"]

_SOURCE = "goleakprobe/agents"
# A batch that gives up while the next one succeeds would leave a hole that readers take for a
# repetition; so none gives up for as long as a broker may reasonably be away, and then the
# process ends.
_DELIVERY_MS = 900_000
_REQUEST_MS = 30_000
_LINGER_MS = 5
_BATCH_BYTES = 256 * 1024
_MAX_REQUEST_BYTES = 2 * max(topic.message_limit_bytes for topic in TOPICS) + 1024 * 1024


class Outgoing(msgspec.Struct, frozen=True):
    """One message to publish."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int | None = None
    partition: int | None = None


def outgoing(read: Topic, outputs: Sequence[Output]) -> list[Outgoing]:
    """Messages for the outputs of a stage that reads ``read``.

    Raises EventTooLargeError or EventInvalidError for an output outside its topic's contract.
    """
    return [
        Outgoing(
            output.topic.name,
            output.key.encode(),
            encode(output.topic, output.event),
            [
                *cloud_event_headers(
                    output.topic,
                    event_id=output.event_id,
                    source=_SOURCE,
                    subject=output.key,
                    time_ns=output.time_ns,
                ),
                *origin_headers(origin),
            ],
            output.time_ns // 1_000_000,
        )
        for output, origin in zip(outputs, numbered_origins(read.name, outputs), strict=True)
    ]


def dead_letter(topic: Topic, message: Message, stage: str, error: BaseException) -> Outgoing:
    """The dead letter of a message: its bytes unchanged, and why it was set aside.

    Its own headers stay in front; it goes to the partition of the same number, so that a repeated
    one lands beside the first.
    """
    why = dead_letter_headers(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        stage=stage,
        error=error,
    )
    headers = [*(message.headers or ()), *why]
    return Outgoing(
        topic.dead_letter, message.key, message.value, headers, partition=message.partition
    )


def not_ahead(timestamp_ms: int | None, now_ms: int) -> int | None:
    """A message's time, but never after now.

    Event time comes from collectors. Apache Kafka refuses messages from more than an hour ahead
    (``message.timestamp.after.max.ms``), and one collector's wrong clock must not stop a worker;
    the event itself keeps its time.
    """
    return None if timestamp_ms is None else min(timestamp_ms, now_ms)


class Publisher:
    """An idempotent producer; ``publish`` returns once the broker has taken every message."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._producer: Any = None

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Deliver in order; BrokerUnavailableError if any message could not be delivered."""
        if messages:
            await asyncio.to_thread(self._deliver, messages)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._producer is not None:
            await asyncio.to_thread(self._producer.close, 5)
            self._producer = None

    def _deliver(self, messages: Sequence[Outgoing]) -> None:
        from kafka.errors import KafkaError

        try:
            if self._producer is None:
                self._producer = self._connect()
            now_ms = time.time_ns() // 1_000_000
            futures = [
                self._producer.send(
                    each.topic,
                    key=each.key,
                    value=each.value,
                    headers=each.headers,
                    timestamp_ms=not_ahead(each.timestamp_ms, now_ms),
                    partition=each.partition,
                )
                for each in messages
            ]
            for future in futures:
                future.get(_DELIVERY_MS / 1000)
        except KafkaError as error:
            raise BrokerUnavailableError(
                self._settings.bootstrap_servers, f"{type(error).__name__}: {error}"
            ) from error

    def _connect(self) -> Any:
        from kafka import KafkaProducer

        from goleakprobe_agents.partitioning import ByKey

        return KafkaProducer(
            **client_options(self._settings),
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=_LINGER_MS,
            batch_size=_BATCH_BYTES,
            max_request_size=_MAX_REQUEST_BYTES,
            partitioner=ByKey(),
            request_timeout_ms=_REQUEST_MS,
            delivery_timeout_ms=_DELIVERY_MS,
        )
