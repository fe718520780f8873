"""Runs a stage over the partitions this worker owns, so that replay changes nothing.

State and position are saved together; messages are acknowledged only once a snapshot covers
them; outputs are delivered before the snapshot that covers their inputs. A worker that dies
between the two replays from the snapshot, computes the same outputs again, and their readers
drop the repetitions (see origins.py). What its own sources repeat it drops too (see event_ids.py).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from goleakprobe_agents.errors import LogGapError, RecordPoisonousError
from goleakprobe_agents.event_ids import RecentEvents, event_key
from goleakprobe_agents.intake import ContiguityGuard, by_partition, decode_message
from goleakprobe_agents.origins import OriginMarks, origin_of
from goleakprobe_agents.publisher import Outgoing, dead_letter, outgoing
from goleakprobe_agents.shell import Counts, Place, SavedState
from goleakprobe_agents.state import Snapshot
from goleakprobe_schemas import EventError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from goleakprobe_agents.intake import Message
    from goleakprobe_agents.patience import Patience
    from goleakprobe_agents.publisher import Publisher
    from goleakprobe_agents.shell import Acknowledge
    from goleakprobe_agents.stage import Record, Stage
    from goleakprobe_agents.state import SnapshotFolder
    from goleakprobe_schemas import Topic

__all__ = ["StagePartition", "StageRunner"]

_log = structlog.get_logger(__name__)


class StagePartition:
    """One partition: its stage, its position, and what is not yet covered by a snapshot."""

    def __init__(self, topic: Topic, partition: int, log_id: str, stage: Stage) -> None:
        self.topic, self.partition, self.log_id = topic, partition, log_id
        self.stage = stage
        self.guard: ContiguityGuard | None = None
        self.marks = OriginMarks()
        self.recent = RecentEvents()
        self.restored_offset: int | None = None
        self.poison: frozenset[int] = frozenset()
        self.careful_until = 0
        self.changed = False
        """Whether state moved since the last snapshot."""
        self.saved_at = time.monotonic()
        self.saved: SavedState | None = None

    def restore(self, snapshot: Snapshot) -> None:
        """Take over what a snapshot knows; ValueError if the stage cannot read it."""
        self.stage.load(snapshot.state)
        if snapshot.log_id == self.log_id:
            self.marks = OriginMarks(snapshot.origins)
            self.recent = RecentEvents(snapshot.recent_events)
            self.restored_offset = snapshot.next_offset

    def admit(self, messages: Sequence[Message]) -> tuple[list[Message], LogGapError | None]:
        """The messages that are next in line, and the gap that ended the line, if any."""
        assert self.guard is not None
        admitted = []
        for message in messages:
            try:
                if self.guard.admit(message.offset):
                    admitted.append(message)
            except LogGapError as gap:
                return admitted, gap
        return admitted, None

    def is_new(self, message: Message) -> bool:
        """Whether a message's event was not seen before; if so it is remembered."""
        origin = origin_of(message)
        if origin is not None:
            return self.marks.admit(origin)
        key = event_key(message)
        return key is None or self.recent.admit(key)

    def snapshot(self) -> Snapshot:
        """Everything a next owner needs."""
        assert self.guard is not None
        return Snapshot(
            topic=self.topic.name,
            partition=self.partition,
            log_id=self.log_id,
            next_offset=self.guard.next_offset,
            origins=self.marks.passed,
            recent_events=self.recent.dump(),
            state=self.stage.dump(),
        )


class StageRunner:
    """The shell of a stage; one stage object per partition."""

    def __init__(
        self,
        topic: Topic,
        new_stage: Callable[[], Stage],
        *,
        folder: SnapshotFolder,
        publisher: Publisher,
        log_ids: Mapping[str, str],
        acknowledge: Acknowledge,
        patience: Patience,
        snapshot_interval: float,
    ) -> None:
        self.topics = (topic,)
        self.counts = Counts()
        self.patience = patience
        self.partitions: dict[Place, StagePartition] = {}
        self._topic = topic
        self._new_stage = new_stage
        self._folder = folder
        self._publisher = publisher
        self._log_ids = log_ids
        self._acknowledge = acknowledge
        self._interval = snapshot_interval
        self._lock = asyncio.Lock()
        self._closing = False

    async def positions(self, assigned: Collection[Place]) -> Mapping[Place, int | None]:
        """Load what is new here, keep what stays, forget the rest."""
        async with self._lock:
            for place in set(self.partitions) - set(assigned):
                del self.partitions[place]
            for place in assigned:
                if place not in self.partitions:
                    self.partitions[place] = await asyncio.to_thread(self._load, place)
            return {place: _next_offset(self.partitions[place]) for place in assigned}

    def begin(self, place: Place, offset: int) -> None:
        """Start reading a partition, unless it is being read already."""
        partition = self.partitions[place]
        if partition.guard is None:
            partition.guard = ContiguityGuard(place.topic, place.partition, next_offset=offset)

    async def take(self, messages: Sequence[Message]) -> None:
        """Advance every partition of the batch and deliver what comes out."""
        async with self._lock:
            if self._closing:
                return
            answers: list[Outgoing] = []
            gaps: list[LogGapError] = []
            for place, part in by_partition(messages).items():
                partition = self.partitions.get(Place(*place))
                if partition is not None and partition.guard is not None:
                    admitted, gap = partition.admit(part)
                    answers += self._advance(partition, admitted)
                    gaps += [gap] if gap is not None else []
            await self._publisher.publish(answers)
        for gap in gaps:
            raise gap

    async def skip_to(self, place: Place, offset: int) -> None:
        """Go on behind a stretch that the broker's log does not hold."""
        async with self._lock:
            guard = self.partitions[place].guard
            assert guard is not None
            absent = guard.skip_to(offset)
        self.counts.add("absent", place.topic, absent)

    async def tick(self) -> None:
        """Save what is due."""
        for place, partition in list(self.partitions.items()):
            if partition.changed and time.monotonic() - partition.saved_at >= self._interval:
                await self._save(place)

    async def flush(self) -> None:
        """Save everything that changed."""
        self._closing = True
        for place, partition in list(self.partitions.items()):
            if partition.changed:
                await self._save(place)

    def progress(self) -> Mapping[Place, int]:
        """The next offset of every partition that was begun."""
        return {
            place: partition.guard.next_offset
            for place, partition in self.partitions.items()
            if partition.guard is not None
        }

    def saved(self) -> Mapping[Place, SavedState]:
        """What the newest snapshot of every partition cost."""
        return {
            place: partition.saved
            for place, partition in self.partitions.items()
            if partition.saved is not None
        }

    def _load(self, place: Place) -> StagePartition:
        log_id = self._log_ids.get(place.topic, "")
        partition = StagePartition(self._topic, place.partition, log_id, self._new_stage())
        snapshot = self._folder.load(place.topic, place.partition, log_id)
        if snapshot is not None:
            try:
                partition.restore(snapshot)
            except ValueError as error:
                _log.warning("state_discarded", place=place, reason=str(error))
                partition = StagePartition(self._topic, place.partition, log_id, self._new_stage())
        poison = self._folder.poison(place.topic, place.partition, log_id)
        partition.poison, partition.careful_until = poison
        return partition

    def _advance(self, partition: StagePartition, messages: Sequence[Message]) -> list[Outgoing]:
        if not messages:
            return []
        partition.changed = True
        answers = self._work(partition, messages)
        self.counts.add("events", self._topic.name, len(messages))
        return answers

    def _work(self, partition: StagePartition, messages: Sequence[Message]) -> list[Outgoing]:
        answers: list[Outgoing] = []
        records: list[Record] = []
        for message in messages:
            if message.offset in partition.poison:
                answers.append(self._set_aside(message))
                continue
            try:
                record = decode_message(self._topic, message)
            except EventError as error:
                # Landing reads every topic and writes the one dead letter; here it is passed by.
                self.counts.add("invalid", self._topic.name)
                _log.warning("event_invalid", place=_origin(message), reason=str(error)[:500])
                continue
            if not partition.is_new(message):
                self.counts.add("repeated", self._topic.name)
                continue
            records.append(record)
            if message.offset < partition.careful_until:
                answers += self._apply(partition, records)
                records = []
        return answers + self._apply(partition, records)

    def _apply(self, partition: StagePartition, records: Sequence[Record]) -> list[Outgoing]:
        if not records:
            return []
        try:
            outputs = partition.stage.apply(records)
            messages = outgoing(self._topic, outputs)
        except Exception as error:
            # The state may be half changed: leave a note, start again from the snapshot, and go
            # one by one until the culprit is known, which is then set aside.
            single = records[0].offset if len(records) == 1 else None
            until = records[-1].offset + 1
            self._folder.note_poison(
                partition.topic.name,
                partition.partition,
                partition.log_id,
                offset=single,
                careful_until=until,
            )
            raise RecordPoisonousError(records[0].origin, error) from error
        for output in outputs:
            self.counts.add("outputs", output.topic.name)
        return messages

    def _set_aside(self, message: Message) -> Outgoing:
        self.counts.add("dead_letters", self._topic.name)
        _log.error("event_set_aside", place=_origin(message))
        error = RecordPoisonousError(_origin(message), RuntimeError("see the worker's log"))
        return dead_letter(self._topic, message, "detect", error)

    async def _save(self, place: Place) -> None:
        """Write one partition's state while intake goes on, unless it cannot be written."""
        async with self._lock:
            partition = self.partitions.get(place)
            if partition is None or partition.guard is None:
                return
            begun = time.monotonic()
            snapshot = partition.snapshot()
            partition.changed, partition.saved_at = False, time.monotonic()
        try:
            await self._write(snapshot)
        except BaseException:
            partition.changed = True
            raise
        partition.saved = SavedState(len(snapshot.state), time.monotonic() - begun)
        self._acknowledge(place, snapshot.next_offset)
        self.counts.add("snapshots", partition.topic.name)

    async def _write(self, snapshot: Snapshot) -> None:
        try:
            await asyncio.to_thread(self._folder.save, snapshot)
        except OSError:
            # A state that cannot be saved stops consumption.
            async with self._lock:
                await self.patience.until_it_works(
                    "state", lambda: asyncio.to_thread(self._folder.save, snapshot)
                )


def _next_offset(partition: StagePartition) -> int | None:
    if partition.guard is not None:
        return partition.guard.next_offset
    return partition.restored_offset


def _origin(message: Message) -> str:
    return f"{message.topic}-{message.partition}-{message.offset}"
