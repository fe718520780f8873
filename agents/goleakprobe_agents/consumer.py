"""Faust's consumer, told where to read, to hand over whole fetches, and what to commit.

Faust spends two tasks and some fifty microseconds on every message it passes on, and more on
following which of them were acknowledged. Here it passes on bundles: all messages that one fetch
brought of one partition. Its bookkeeping is not used (see app.py); what is durable is committed
as the shells tell it, as a hint to people and lag monitors.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import msgspec
from faust.transport.drivers.aiokafka import Consumer
from faust.types.tuples import TP, ConsumerMessage

from goleakprobe_agents.shell import Place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

__all__ = ["Bundle", "BundlingConsumer", "FetchedMessage", "bundled"]

_BUNDLE_MESSAGES = 250
_BUNDLE_BYTES = 1024 * 1024
# Bundles between the broker and the agent. Faust's own limit makes its fetcher sleep for a second
# when all partitions are over it.
_MOST_BUNDLES = 24
_FULL_SECONDS = 0.005


class FetchedMessage(msgspec.Struct, gc=False):
    """One message as the broker sent it (see intake.Message)."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Bundle(ConsumerMessage):
    """Messages of one partition in offset order, as one message of Faust's."""

    __slots__ = ("messages",)

    def __init__(self, tp: TP, messages: Sequence[FetchedMessage], generation_id: int) -> None:
        newest = messages[-1]
        super().__init__(
            tp.topic,
            tp.partition,
            newest.offset,
            timestamp=newest.timestamp,
            timestamp_type=0,
            headers=None,
            key=None,
            value=None,
            checksum=None,
            tp=tp,
            generation_id=generation_id,
        )
        self.messages = messages


class BundlingConsumer(Consumer):
    """The consumer of a worker; ``read_from_shell`` in app.py adds where it reads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log_ends: dict[Place, int] = {}
        """One behind the newest offset the broker spoke of in a fetch."""
        self._durable: dict[TP, int] = {}
        self._bundles: WeakSet[Bundle] = WeakSet()

    def note_durable(self, place: Place, next_offset: int) -> None:
        """Everything of a partition below an offset is durable: commit it when it is due."""
        self._durable[TP(place.topic, place.partition)] = next_offset

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what was noted and has not been committed yet."""
        noted, self._durable = self._durable, {}
        assigned = self.assignment()
        offsets = {tp: offset for tp, offset in noted.items() if tp in assigned}
        return bool(offsets) and bool(await self._commit(offsets))

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109 - its name in Faust
    ) -> AsyncIterator[tuple[TP, Bundle]]:
        """What the broker sends, as bundles, the partitions taking turns."""
        if not await self._has_room():
            return
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if not records or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        for tp, messages in _taking_turns(records):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if active is None or tp in active or tp in self._buffered_partitions:
                self.log_ends[Place(tp.topic, tp.partition)] = self.highwater(tp)
                bundle = Bundle(tp, messages, generation)
                self._bundles.add(bundle)
                yield tp, bundle

    async def _has_room(self) -> bool:
        """Wait until the agent has caught up; False if it need not go on."""
        while len(self._bundles) > _MOST_BUNDLES:
            await asyncio.sleep(_FULL_SECONDS)
            if self.should_stop or not self.flow_active:
                return False
        return True


def bundled(records: Iterable[Any]) -> Iterator[list[FetchedMessage]]:
    """Records of aiokafka as messages, cut where a bundle is large enough."""
    bundle: list[FetchedMessage] = []
    held_bytes = 0
    for record in records:
        value = record.value
        bundle.append(
            FetchedMessage(
                record.topic,
                record.partition,
                record.offset,
                record.timestamp / 1000.0,
                record.key,
                value,
                record.headers,
            )
        )
        held_bytes += len(value) if value is not None else 0
        if len(bundle) == _BUNDLE_MESSAGES or held_bytes >= _BUNDLE_BYTES:
            yield bundle
            bundle, held_bytes = [], 0
    if bundle:
        yield bundle


def _taking_turns(
    records: dict[Any, Sequence[Any]],
) -> Iterator[tuple[TP, list[FetchedMessage]]]:
    lanes = {TP(tp.topic, tp.partition): bundled(each) for tp, each in records.items()}
    while lanes:
        for tp, lane in list(lanes.items()):
            messages = next(lane, None)
            if messages is None:
                del lanes[tp]
            else:
                yield tp, messages
