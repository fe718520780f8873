"""From fetched bytes to records: which offsets are new, which are missing, what is no event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from goleakprobe_agents.errors import LogGapError, LogRewoundError
from goleakprobe_agents.stage import Record
from goleakprobe_schemas import Topic, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ContiguityGuard", "Message", "by_partition", "decode_message"]


class Message(Protocol):
    """One fetched message, as Faust hands it over."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    """Seconds since the epoch, set by the producer or the broker; the same for every reader."""
    key: bytes | None
    value: bytes | None

    @property
    def headers(self) -> Sequence[tuple[str, bytes]] | None:
        """As the producer ordered them."""


class ContiguityGuard:
    """Lets each offset of one partition through once, in order, with none missing.

    ``next_offset`` is the first one wanted: it comes from what is durable (landed files, state
    snapshots), not from the offsets committed to the broker.

    >>> guard = ContiguityGuard("t", 0, next_offset=5)
    >>> guard.admit(5), guard.admit(5), guard.admit(6)
    (True, False, True)
    """

    def __init__(self, topic: str, partition: int, *, next_offset: int) -> None:
        self.topic, self.partition = topic, partition
        self.next_offset = next_offset
        self._floor = next_offset

    def admit(self, offset: int) -> bool:
        """Whether an offset is the next one; False for one that was let through before.

        Raises LogGapError, and stays where it was, if offsets are missing in between, and
        LogRewoundError for an offset from before the place where reading began.
        """
        if offset == self.next_offset:
            self.next_offset += 1
            return True
        if offset > self.next_offset:
            raise LogGapError(self.topic, self.partition, self.next_offset, offset)
        if offset < self._floor:
            raise LogRewoundError(self.topic, self.partition, self._floor, offset)
        return False

    def skip_to(self, offset: int) -> int:
        """Go on at a higher offset after the broker confirmed that nothing is in between.

        Answers with how many offsets are absent from the log.
        """
        absent = offset - self.next_offset
        if absent < 0:
            raise ValueError(f"cannot skip back from {self.next_offset} to {offset}")
        self.next_offset = offset
        return absent


def by_partition(messages: Iterable[Message]) -> dict[tuple[str, int], list[Message]]:
    """Messages of a batch under their (topic, partition), each list in the batch's order."""
    parted: dict[tuple[str, int], list[Message]] = {}
    for message in messages:
        parted.setdefault((message.topic, message.partition), []).append(message)
    return parted


def decode_message(topic: Topic, message: Message) -> Record:
    """The record of a message; EventError (see goleakprobe_schemas) if it is no event."""
    event = decode(topic, message.value)
    return Record(topic.name, message.partition, message.offset, event)
