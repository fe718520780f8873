"""Where a derived event comes from, and dropping those that were derived before.

A stage that starts again replays messages and publishes the same outputs again. Outputs of one
origin partition reach one output partition in the order of their origins (deliveries are retried
until they succeed and never overtake each other), so a reader needs to remember only the newest
origin it has passed, per origin partition, to know a repetition from something new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from goleakprobe_agents.intake import Message
    from goleakprobe_agents.stage import Output
    from goleakprobe_schemas import Headers

__all__ = ["Origin", "OriginMarks", "numbered_origins", "origin_headers", "origin_of"]

# CloudEvents extension attributes; `sequence` is the specification's own
# (github.com/cloudevents/spec, extensions/sequence.md).
_ORIGIN = "ce_origin"
_SEQUENCE = "ce_sequence"


class Origin(msgspec.Struct, frozen=True, order=True):
    """The message that an event was computed from, and the event's place among its siblings."""

    topic: str
    partition: int
    offset: int
    sequence: int = 0

    @property
    def log(self) -> str:
        """The partition it stood in, ``topic-partition``."""
        return f"{self.topic}-{self.partition}"


class OriginMarks:
    """The newest origin passed, per origin partition.

    >>> marks = OriginMarks()
    >>> [marks.admit(Origin("t", 0, offset)) for offset in (7, 7, 8, 3)]
    [True, False, True, False]
    """

    def __init__(self, passed: dict[str, tuple[int, int]] | None = None) -> None:
        self._passed = dict(passed or {})

    @property
    def passed(self) -> dict[str, tuple[int, int]]:
        """``topic-partition`` to (offset, sequence), as it is now.

        A copy: who writes it down with a state or a file must not see what is passed meanwhile.
        """
        return dict(self._passed)

    def admit(self, origin: Origin) -> bool:
        """Whether an origin is newer than all before it; if so it is remembered."""
        place = (origin.offset, origin.sequence)
        if place <= self._passed.get(origin.log, (-1, -1)):
            return False
        self._passed[origin.log] = place
        return True


def numbered_origins(topic: str, outputs: Iterable[Output]) -> list[Origin]:
    """The origin of each output of a stage that reads ``topic``, siblings numbered from 0.

    An output's ``event_id`` begins with the ``topic-partition-offset`` of the message it was
    computed from; ValueError for any other.
    """
    origins: list[Origin] = []
    for output in outputs:
        partition, offset = _parse(topic, output.event_id)
        before = origins[-1] if origins else None
        sibling = before is not None and (before.partition, before.offset) == (partition, offset)
        sequence = before.sequence + 1 if sibling and before is not None else 0
        origins.append(Origin(topic, partition, offset, sequence))
    return origins


def origin_headers(origin: Origin) -> Headers:
    """What to add to an output's headers so that its readers can drop repetitions."""
    return [
        (_ORIGIN, f"{origin.log}-{origin.offset}".encode()),
        (_SEQUENCE, str(origin.sequence).encode()),
    ]


def origin_of(message: Message) -> Origin | None:
    """The origin a message's headers name; None for events that came from outside."""
    found = _header_values(message.headers or ())
    text, sequence = found.get(_ORIGIN), found.get(_SEQUENCE)
    if text is None or sequence is None:
        return None
    try:
        topic, partition, offset = text.decode().rsplit("-", 2)
        return Origin(topic, int(partition), int(offset), int(sequence))
    except ValueError:
        return None


def _header_values(headers: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
    return {name: value for name, value in headers if name in (_ORIGIN, _SEQUENCE)}


def _parse(topic: str, event_id: str) -> tuple[int, int]:
    place = event_id.removeprefix(topic + "-").split("-", 2)
    try:
        return int(place[0]), int(place[1])
    except (ValueError, IndexError) as error:
        raise ValueError(
            f"event id {event_id!r} does not begin with {topic}-<partition>-<offset>"
        ) from error
