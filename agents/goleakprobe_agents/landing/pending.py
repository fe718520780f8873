"""What one partition has taken in and not yet landed, and what file it makes.

Nothing here touches a disk or the broker, so it can be tested offset by offset.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from goleakprobe_agents.errors import LogGapError
from goleakprobe_agents.event_ids import WINDOW_EVENTS, RecentEvents, event_key
from goleakprobe_agents.intake import ContiguityGuard, decode_message
from goleakprobe_agents.landing.files import Footer
from goleakprobe_agents.landing.gathering import Gathering
from goleakprobe_agents.origins import OriginMarks, origin_of
from goleakprobe_schemas import EventError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from goleakprobe_agents.event_ids import EventKey
    from goleakprobe_agents.intake import Message
    from goleakprobe_agents.landing.gathering import Refused
    from goleakprobe_schemas import Topic

__all__ = ["Harvest", "PendingPartition"]

_LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class Harvest:
    """A file's content: rows, footer and day, and what of it goes to the dead-letter topic."""

    def __init__(self, rows: pa.Table, footer: Footer, day: str, refused: list[Refused]) -> None:
        self.rows, self.footer, self.day, self.refused = rows, footer, day, refused


class PendingPartition:
    """One partition of one topic between two files.

    ``first_offset`` is where its next file begins. A file's day is that of its first message's
    timestamp, which every reader of the log sees alike, and never earlier than the day of the file
    before it. A file may hold events of several days; its footer has the range.
    """

    def __init__(
        self,
        topic: Topic,
        partition: int,
        log_id: str,
        *,
        first_offset: int,
        origins: dict[str, tuple[int, int]] | None = None,
        recent_events: bytes = b"",
        day: str = "",
    ) -> None:
        self.topic, self.partition, self.log_id = topic, partition, log_id
        self.first_offset = first_offset
        self.guard = ContiguityGuard(topic.name, partition, next_offset=first_offset)
        self.taken = 0
        """Messages that wait to be landed."""
        self.body_bytes = 0
        self.since: float | None = None
        """When the oldest of what is pending came, on the monotonic clock."""
        self._marks = OriginMarks(origins)
        self._recent = RecentEvents(recent_events)
        self._keys: list[EventKey] = []
        self._day = day
        self._first_timestamp: float | None = None
        self._gathering = Gathering(topic, partition)
        self._repeated = 0
        self._absent = 0

    @property
    def pending(self) -> int:
        """How many offsets wait to be landed."""
        return self.guard.next_offset - self.first_offset

    @property
    def rows(self) -> int:
        """How many rows wait to be landed."""
        return self._gathering.rows

    def take(self, messages: Sequence[Message]) -> LogGapError | None:
        """Take messages in; the gap that ended the line, if any, with all before it taken."""
        for message in messages:
            try:
                if not self.guard.admit(message.offset):
                    continue
            except LogGapError as gap:
                return gap
            self._admit(message)
        return None

    def skip_to(self, offset: int) -> int:
        """Go on behind a stretch the log does not hold; how many offsets that is."""
        absent = self.guard.skip_to(offset)
        self._absent += absent
        return absent

    def harvest(self) -> Harvest:
        """Everything pending as one file's content; changes nothing but what is refused.

        An event with a value that no column holds is refused like one that cannot be decoded.
        """
        gathered = self._gathering
        rows, times = gathered.table(), gathered.times
        footer = Footer(
            topic=self.topic.name,
            partition=self.partition,
            log_id=self.log_id,
            first_offset=self.first_offset,
            last_offset=self.guard.next_offset - 1,
            rows=rows.num_rows,
            events=gathered.events,
            dead_letters=len(gathered.refused),
            repeated=self._repeated,
            absent=self._absent,
            min_time_ns=times[0] if times else None,
            max_time_ns=times[1] if times else None,
            origins=self._marks.passed,
            event_keys=b"".join(self._keys[-WINDOW_EVENTS:]),
        )
        return Harvest(rows, footer, self._file_day(), list(gathered.refused))

    def clear(self, day: str) -> None:
        """Forget what was landed under ``day``."""
        self.first_offset = self.guard.next_offset
        self.taken = self.body_bytes = self._repeated = self._absent = 0
        self._gathering, self._keys = Gathering(self.topic, self.partition), []
        self.since, self._first_timestamp, self._day = None, None, day

    def _admit(self, message: Message) -> None:
        if self.since is None:
            self.since = time.monotonic()
        if self._first_timestamp is None:
            self._first_timestamp = message.timestamp
        self.taken += 1
        try:
            record = decode_message(self.topic, message)
        except EventError as error:
            self._gathering.refuse(message, error)
        else:
            if not self._is_new(message):
                self._repeated += 1
                return
            self._gathering.add(message, record.event)
        self.body_bytes += len(message.value or b"")

    def _is_new(self, message: Message) -> bool:
        origin = origin_of(message)
        if origin is not None:
            return self._marks.admit(origin)
        key = event_key(message)
        if key is None:
            return True
        if not self._recent.admit(key):
            return False
        self._keys.append(key)
        return True

    def _file_day(self) -> str:
        if self._first_timestamp is None:
            return self._day or "1970-01-01"
        seconds = min(max(self._first_timestamp, 0.0), _LAST_DAY)
        return max(self._day, datetime.fromtimestamp(seconds, UTC).date().isoformat())
