"""Publishes a load like a collector, in order and at a steady pace, beside everything else."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import TYPE_CHECKING

from goleakprobe.collect.publish import KafkaPublisher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.settings import BrokerSettings
    from goleakprobe_agents.stage import Output

__all__ = ["Publishing"]

_BATCH = 40
# Batches that come again under new offsets, as from a sender that was in doubt of them.
_REPEATED_SHARE = 0.08


class Publishing:
    """A load on its way; every batch is acknowledged before the next is sent.

    Some batches, drawn from the seed, are sent again later.
    """

    def __init__(
        self, broker: BrokerSettings, load: Sequence[Output], seconds: float, *, seed: str
    ) -> None:
        self._dice = random.Random(f"repetitions {seed}")
        self._broker = broker
        self._load = load
        self._pause = seconds * _BATCH / len(load)
        self._error: BaseException | None = None
        self.published = 0
        self._refusal = ""
        self._thread = threading.Thread(target=self._run, name="publishing", daemon=True)
        self._thread.start()

    @property
    def share(self) -> float:
        """How much of the load the broker has acknowledged, 0 to 1."""
        return self.published / len(self._load)

    @property
    def done(self) -> bool:
        """Whether the broker has all; raises what went wrong."""
        if self._error is not None:
            raise self._error
        return not self._thread.is_alive()

    def describe(self) -> str:
        """How far it is, and why not further, for a failure's report."""
        why = f" (last refusal: {self._refusal})" if self._refusal else ""
        return f"{self.published} of {len(self._load)} events are published{why}"

    def delivered(self, topic: str) -> None:
        """Nothing to note: acknowledged batches are counted."""

    def failed(self, topic: str, reason: str) -> None:
        """It is sent again."""
        self._refusal = f"{topic}: {reason}"

    def in_flight(self, messages: int, size_bytes: int) -> None:
        """Nothing to note."""

    def _run(self) -> None:
        try:
            asyncio.run(self._publish())
        except BaseException as error:
            self._error = error

    async def _publish(self) -> None:
        async with KafkaPublisher(
            self._broker, max_messages=1000, max_bytes=64 * 1024 * 1024, observer=self
        ) as publisher:
            for begin in range(0, len(self._load), _BATCH):
                batch = self._load[begin : begin + _BATCH]
                await publisher.publish(batch)
                self.published += len(batch)
                if self._dice.random() < _REPEATED_SHARE:
                    again = self._dice.randrange(0, begin + 1, _BATCH)
                    await publisher.publish(self._load[again : again + _BATCH])
                await asyncio.sleep(self._pause)
