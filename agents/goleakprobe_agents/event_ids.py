"""Source events that come twice: known again by their CloudEvents id, in a bounded window.

Every sender can repeat itself. An idempotent producer does when the broker has lost what it knew
of it, a mirror does when it starts again, and no broker can tell. CloudEvents settles what a
repetition is: ``source`` and ``id`` together name one event. Derived events are told by their
origin instead, which needs no window (see origins.py).
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goleakprobe_agents.intake import Message

__all__ = ["WINDOW_BYTES", "WINDOW_EVENTS", "EventKey", "RecentEvents", "event_key"]

WINDOW_EVENTS = 8192
"""A repetition is known again if fewer other events of its partition came in between."""

# By chance one event in 10^15 is taken for another of its window.
_KEY_BYTES = 8

WINDOW_BYTES = WINDOW_EVENTS * _KEY_BYTES
"""The size of a full window as RecentEvents reads it."""

EventKey = bytes
"""A short digest of an event's source and id."""


def event_key(message: Message) -> EventKey | None:
    """What names a message's event; None for one without a CloudEvents id."""
    event_id = source = b""
    for name, value in message.headers or ():
        if name == "ce_id":
            event_id = value
        elif name == "ce_source":
            source = value
    if not event_id:
        return None
    return blake2b(b"%d %b%b" % (len(source), source, event_id), digest_size=_KEY_BYTES).digest()


class RecentEvents:
    """The newest events of one partition.

    >>> recent = RecentEvents()
    >>> [recent.admit(key) for key in (b"event  1", b"event  2", b"event  1")]
    [True, True, False]
    >>> RecentEvents(recent.dump()).admit(b"event  2")
    False
    """

    def __init__(self, dumped: bytes = b"") -> None:
        self._keys: deque[EventKey] = deque()
        self._known: set[EventKey] = set()
        for begin in range(0, len(dumped), _KEY_BYTES):
            self.admit(dumped[begin : begin + _KEY_BYTES])

    def admit(self, key: EventKey) -> bool:
        """Whether an event is new in the window; if so it is remembered."""
        if key in self._known:
            return False
        self._known.add(key)
        self._keys.append(key)
        if len(self._keys) > WINDOW_EVENTS:
            self._known.remove(self._keys.popleft())
        return True

    def dump(self) -> bytes:
        """All that is remembered, oldest first; of two dumps put together the later one counts."""
        return b"".join(self._keys)
