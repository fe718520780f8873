"""Events become columns as they come: as Python objects they take ten times the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from goleakprobe_agents.landing.rows import (
    Landed,
    event_times,
    in_order,
    row_count,
    rows_as_they_come,
)
from goleakprobe_schemas import EventError, EventInvalidError

if TYPE_CHECKING:
    from goleakprobe_agents.intake import Message
    from goleakprobe_schemas import Topic

__all__ = ["Gathering", "Refused"]

# Enough that a column costs little a row, few enough that objects do not pile up.
_FOLDED_ROWS = 2048


class Refused:
    """A message that is no event, and why."""

    def __init__(self, message: Message, error: EventError) -> None:
        self.message, self.error = message, error


class Gathering:
    """The rows of one file while its messages come in."""

    def __init__(self, topic: Topic, partition: int) -> None:
        self._topic, self._partition = topic, partition
        self.rows = 0
        self.events = 0
        """Messages that became rows, or will."""
        self.refused: list[Refused] = []
        self._times: list[int] = []
        self._parts: list[pa.Table] = []
        self._loose: list[tuple[Message, Landed]] = []
        self._loose_rows = 0

    @property
    def times(self) -> tuple[int, int] | None:
        """Earliest and latest event time (UTC epoch nanoseconds) of what is folded."""
        return (min(self._times), max(self._times)) if self._times else None

    def add(self, message: Message, event: Any) -> None:
        """Take an event in."""
        count = row_count(self._topic, event)
        self._loose.append((message, Landed(message.offset, event)))
        self._loose_rows += count
        self.rows += count
        self.events += 1
        if self._loose_rows >= _FOLDED_ROWS:
            self._fold()

    def refuse(self, message: Message, error: EventError) -> None:
        """Set a message aside."""
        self.refused.append(Refused(message, error))

    def table(self) -> pa.Table:
        """All rows, sorted; an event with a value that no column holds is refused."""
        self._fold()
        return in_order(self._parts or [rows_as_they_come(self._topic, self._partition, [])])

    def _fold(self) -> None:
        loose, self._loose, self._loose_rows = self._loose, [], 0
        if not loose:
            return
        landed = [each for _, each in loose]
        try:
            part = rows_as_they_come(self._topic, self._partition, landed)
        except _UNFIT:
            landed = [each for message, each in loose if self._is_fit(message, each)]
            part = rows_as_they_come(self._topic, self._partition, landed)
        self._parts.append(part)
        self._times += event_times(self._topic, landed) or ()

    def _is_fit(self, message: Message, landed: Landed) -> bool:
        try:
            rows_as_they_come(self._topic, self._partition, [landed])
        except _UNFIT as error:
            reason = EventInvalidError(self._topic.name, f"no column holds it: {error}")
            self.refuse(message, reason)
            self.events -= 1
            return False
        return True


# What pyarrow raises for integers beyond 64 bits and text that is no UTF-8.
_UNFIT = (pa.ArrowInvalid, OverflowError, UnicodeError)
