"""What a stage of the stream is: a deterministic function of one partition's messages.

A stage has no clock, no I/O and no knowledge of Faust. The shells feed it decoded records in
offset order and publish what it answers; feeding the same records to a stage restored from the
same state gives the same outputs, however the records are cut into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from goleakprobe_schemas import Topic

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Output", "Record", "Stage"]


class Record(msgspec.Struct, frozen=True):
    """One decoded message and where it stood in the log."""

    topic: str
    partition: int
    offset: int
    event: msgspec.Struct

    @property
    def origin(self) -> str:
        """``topic-partition-offset``: the identity that outputs derive theirs from."""
        return f"{self.topic}-{self.partition}-{self.offset}"


class Output(msgspec.Struct, frozen=True):
    """One event to publish; ``event_id`` is the same on every replay."""

    topic: Topic
    key: str
    event_id: str
    event: msgspec.Struct
    time_ns: int


class Stage(Protocol):
    """The state of one partition and what it makes of messages."""

    def apply(self, records: Sequence[Record]) -> list[Output]:
        """Advance by records in offset order and answer with what to publish, in order."""

    def dump(self) -> bytes:
        """The whole state; it names its own format version."""

    def load(self, state: bytes) -> None:
        """Replace the state; ValueError for bytes of another version or damaged ones."""
