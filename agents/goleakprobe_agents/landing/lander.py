"""The shell of landing: buffers each partition and turns it into files.

A file is claimed, durable, before its messages are acknowledged. A lake that cannot be written
stops consumption: the same file is tried again with growing waits.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog

from goleakprobe_agents.intake import by_partition
from goleakprobe_agents.landing.handover import Handover, handed_over
from goleakprobe_agents.landing.pending import PendingPartition
from goleakprobe_agents.landing.positions import file_name, recent_files
from goleakprobe_agents.publisher import dead_letter
from goleakprobe_agents.shell import Counts, Place
from goleakprobe_schemas import TOPICS, topic_named

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from goleakprobe_agents.intake import Message
    from goleakprobe_agents.landing.pending import Harvest
    from goleakprobe_agents.landing.positions import LandedFile
    from goleakprobe_agents.landing.store import LakeStore
    from goleakprobe_agents.patience import Patience
    from goleakprobe_agents.publisher import Publisher
    from goleakprobe_agents.settings import LakeSettings
    from goleakprobe_agents.shell import Acknowledge, SavedState

__all__ = ["Lander"]

# A file is cut early when its messages were this large on the wire.
_MAX_PENDING_BYTES = 64 * 1024 * 1024
_MAX_PENDING_MESSAGES = 50_000
# Footers are read one after the other per partition; on an object store each takes a while.
_READERS = 16

_log = structlog.get_logger(__name__)


class Lander:
    """Lands every topic of the contract."""

    def __init__(
        self,
        lake: LakeStore,
        settings: LakeSettings,
        *,
        publisher: Publisher,
        log_ids: Mapping[str, str],
        acknowledge: Acknowledge,
        patience: Patience,
    ) -> None:
        self.topics = TOPICS
        self.counts = Counts()
        self.patience = patience
        self._lake = lake
        self._settings = settings
        self._publisher = publisher
        self._log_ids = log_ids
        self._acknowledge = acknowledge
        self._partitions: dict[Place, PendingPartition] = {}
        self._found: dict[Place, Handover] = {}
        self._lock = asyncio.Lock()
        self._closing = False

    async def positions(self, assigned: Collection[Place]) -> Mapping[Place, int | None]:
        """Where the files end. What was pending is forgotten: it will be read again."""
        async with self._lock:
            self._partitions.clear()
            self._found = await self.patience.until_it_works(
                "lake", lambda: asyncio.to_thread(self._look_up, assigned)
            )
            return {place: found.next_offset for place, found in self._found.items()}

    def begin(self, place: Place, offset: int) -> None:
        """Start a partition where its files end."""
        if place in self._partitions:
            return
        found = self._found[place]
        self._partitions[place] = PendingPartition(
            topic_named(place.topic),
            place.partition,
            self._log_ids.get(place.topic, ""),
            first_offset=offset,
            origins=found.origins,
            recent_events=found.recent_events,
            day=found.day,
        )

    async def take(self, messages: Sequence[Message]) -> None:
        """Buffer a batch and land what is full."""
        async with self._lock:
            for key, part in by_partition(messages).items():
                place = Place(*key)
                partition = self._partitions.get(place)
                if partition is None or self._closing:
                    continue
                gap = partition.take(part)
                if self._is_full(partition):
                    await self._land(partition)
                if gap is not None:
                    raise gap

    async def skip_to(self, place: Place, offset: int) -> None:
        """Go on behind a stretch that the broker's log does not hold."""
        # A file that is being claimed ends where its footer says: the stretch is the next one's.
        async with self._lock:
            absent = self._partitions[place].skip_to(offset)
        self.counts.add("absent", place.topic, absent)

    async def tick(self) -> None:
        """Land what has waited long enough."""
        oldest = time.monotonic() - self._settings.roll_interval
        async with self._lock:
            for partition in self._partitions.values():
                if partition.since is not None and partition.since <= oldest:
                    await self._land(partition)

    async def flush(self) -> None:
        """Land everything."""
        self._closing = True
        async with self._lock:
            for partition in self._partitions.values():
                if partition.taken:
                    await self._land(partition)

    def progress(self) -> Mapping[Place, int]:
        """The next offset wanted of every partition."""
        return {place: part.guard.next_offset for place, part in self._partitions.items()}

    def saved(self) -> Mapping[Place, SavedState]:
        """None: the files are the state."""
        return {}

    def _is_full(self, partition: PendingPartition) -> bool:
        return (
            partition.rows >= self._settings.roll_rows
            or partition.body_bytes >= _MAX_PENDING_BYTES
            or partition.taken >= _MAX_PENDING_MESSAGES
        )

    async def _land(self, partition: PendingPartition) -> None:
        harvest = await asyncio.to_thread(partition.harvest)
        await self._bury(partition, harvest)
        await self.patience.until_it_works(
            "lake", lambda: asyncio.to_thread(self._claim, partition, harvest)
        )
        age = time.monotonic() - (partition.since or time.monotonic())
        partition.clear(harvest.day)
        self._acknowledge(Place(partition.topic.name, partition.partition), partition.first_offset)
        self._count(harvest, age)

    async def _bury(self, partition: PendingPartition, harvest: Harvest) -> None:
        for refused in harvest.refused:
            _log.warning(
                "event_invalid",
                topic=refused.message.topic,
                partition=refused.message.partition,
                offset=refused.message.offset,
                reason=str(refused.error)[:500],
            )
        await self._publisher.publish(
            [
                dead_letter(partition.topic, refused.message, "landing", refused.error)
                for refused in harvest.refused
            ]
        )

    def _claim(self, partition: PendingPartition, harvest: Harvest) -> None:
        name = file_name(
            partition.topic.name, partition.partition, partition.log_id, partition.first_offset
        )
        self._lake.claim(partition.topic.table, harvest.day, name, harvest.rows, harvest.footer)

    def _count(self, harvest: Harvest, age_seconds: float) -> None:
        footer, topic = harvest.footer, harvest.footer.topic
        self.counts.add("events", topic, footer.events)
        self.counts.add("dead_letters", topic, footer.dead_letters)
        self.counts.add("repeated", topic, footer.repeated)
        self.counts.add("rows", topic_named(topic).table, footer.rows)
        self.counts.add("files", topic_named(topic).table)
        self.counts.add("landings", topic)
        self.counts.add("landing_delay_ms", topic, int(age_seconds * 1000))

    def _look_up(self, assigned: Collection[Place]) -> dict[Place, Handover]:
        self._lake.prepare()
        files: dict[Place, list[LandedFile]] = {}
        for name in {place.topic for place in assigned}:
            topic, log_id = topic_named(name), self._log_ids.get(name, "")
            numbers = [place.partition for place in assigned if place.topic == name]
            recent = recent_files(self._lake, topic.table, name, log_id, numbers)
            for number in numbers:
                self._lake.drop_unfinished(topic.table, f"{name}-{number:04d}-")
                files[Place(name, number)] = recent.get(number, [])
        with ThreadPoolExecutor(_READERS, thread_name_prefix="footers") as readers:
            found = readers.map(lambda each: handed_over(self._lake, each), files.values())
            return dict(zip(files, found, strict=True))
