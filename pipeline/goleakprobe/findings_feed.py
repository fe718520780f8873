"""Findings as they are published, for displays: a consumer that belongs to no group."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from goleakprobe_agents.connection import client_options
from goleakprobe_schemas import FINDINGS, EventError, FindingState, LeakFound, decode

if TYPE_CHECKING:
    from goleakprobe_agents.settings import BrokerSettings

__all__ = ["FindingsFeed"]

_POLL_MS = 300


class FindingsFeed:
    """The newest state of every finding on the topic, from its beginning.

    It commits nothing and joins no group, so watching never changes what the workers do.
    """

    def __init__(self, broker: BrokerSettings) -> None:
        self._broker = broker
        self.newest: dict[tuple[str, str, str], LeakFound] = {}
        """By namespace, service and signature."""
        self._told: set[tuple[str, str, str]] = set()

    def news(self) -> list[LeakFound]:
        """Findings that began to fire since the last call, and those told that are resolved now."""
        fresh = []
        for key, finding in self.newest.items():
            firing = finding.state is FindingState.FIRING
            if firing is (key not in self._told):
                fresh.append(finding)
                (self._told.add if firing else self._told.discard)(key)
        return fresh

    async def follow(self) -> None:
        """Read until cancelled."""
        consumer = await asyncio.to_thread(self._open)
        try:
            while True:
                polled = await asyncio.to_thread(consumer.poll, timeout_ms=_POLL_MS)
                for messages in polled.values():
                    self._take(messages)
        finally:
            await asyncio.to_thread(consumer.close)

    def _open(self) -> Any:
        from kafka import KafkaConsumer, TopicPartition

        consumer = KafkaConsumer(**client_options(self._broker), enable_auto_commit=False)
        places = [TopicPartition(FINDINGS.name, n) for n in range(self._broker.partitions)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        return consumer

    def _take(self, messages: list[Any]) -> None:
        for message in messages:
            # What is no finding is landing's to report.
            with suppress(EventError):
                finding: LeakFound = decode(FINDINGS, message.value)
                key = (finding.namespace, finding.service, finding.signature)
                known = self.newest.get(key)
                if known is None or known.time_ns <= finding.time_ns:
                    self.newest[key] = finding
