"""What the decoder has to know of each event, as 256-byte tables for a whole column at once."""

from __future__ import annotations

from goleakprobe.trace.states import Row
from goleakprobe.trace.wire import (
    ARGUMENT_COUNTS,
    EXPERIMENTAL_ARGUMENT_COUNTS,
    LAST_EVENTS,
    Event,
)

__all__ = [
    "CREATING",
    "HEAD_FIELDS",
    "JUMPS",
    "LOCAL_STACK",
    "SEQUENCED",
    "STACKED",
    "Role",
    "argument_counts",
    "roles",
]

_EXPERIMENTS_SINCE = 23


class Role:
    """Parts an event plays in the lifecycle of goroutines, as bits.

    Plain integers: numpy takes many times as long for an enum's.
    """

    HEAD = 1
    """Names its goroutine; most carry the goroutine's sequence number."""
    LOCAL = 2
    """Happens to the goroutine that runs on the thread."""
    BIND = 4
    """Puts the goroutine it names on the thread."""
    RELEASE = 8
    """Takes the thread's goroutine off it."""
    STATUS = 16
    """Tells a goroutine's state; it may bind."""
    SWITCH = 32
    """Head and local at once: hands the thread from one goroutine to another."""
    EXPERIMENTAL = 64
    """The type byte has its high bit set and melts with the time into one number."""
    UNKNOWN = 128


_ROLES: dict[int, int] = {
    Event.GO_CREATE: Role.HEAD,
    Event.GO_CREATE_BLOCKED: Role.HEAD,
    Event.GO_CREATE_SYSCALL: Role.HEAD | Role.BIND,
    Event.GO_START: Role.HEAD | Role.BIND,
    Event.GO_UNBLOCK: Role.HEAD,
    Event.GO_STATUS: Role.HEAD | Role.STATUS,
    Event.GO_STATUS_STACK: Role.HEAD | Role.STATUS,
    Event.GO_SWITCH: Role.HEAD | Role.LOCAL | Role.BIND | Role.SWITCH,
    Event.GO_SWITCH_DESTROY: Role.HEAD | Role.LOCAL | Role.BIND | Role.SWITCH,
    Event.GO_STOP: Role.LOCAL | Role.RELEASE,
    Event.GO_BLOCK: Role.LOCAL | Role.RELEASE,
    Event.GO_DESTROY: Role.LOCAL | Role.RELEASE,
    Event.GO_DESTROY_SYSCALL: Role.LOCAL | Role.RELEASE,
    Event.GO_SYSCALL_BEGIN: Role.LOCAL,
    Event.GO_SYSCALL_END: Role.LOCAL,
    Event.GO_SYSCALL_END_BLOCKED: Role.LOCAL | Role.RELEASE,
}


def roles(version: int) -> bytes:
    """The role of every first byte in a wire version."""
    last = LAST_EVENTS[version]
    table = bytearray([Role.UNKNOWN]) * 256
    for event in ARGUMENT_COUNTS:
        if event <= last:
            table[event] = _ROLES.get(event, 0)
    if version >= _EXPERIMENTS_SINCE:
        for event in EXPERIMENTAL_ARGUMENT_COUNTS:
            table[event] = Role.EXPERIMENTAL
    return bytes(table)


def _table(values: dict[int, int], default: int = 0) -> bytes:
    return bytes(values.get(kind, default) for kind in range(256))


JUMPS = _table(
    {event: count + 1 for event, count in ARGUMENT_COUNTS.items()} | EXPERIMENTAL_ARGUMENT_COUNTS,
    default=1,
)
"""How many numbers an event has, by its first byte; an experimental type is part of its first."""


def argument_counts() -> bytes:
    """How many numbers follow the type byte of each event."""
    return _table(ARGUMENT_COUNTS | EXPERIMENTAL_ARGUMENT_COUNTS)


SEQUENCED, CREATING, STACKED = 1, 2, 4
HEAD_FIELDS = _table(
    {
        Event.GO_CREATE: CREATING | STACKED,
        Event.GO_CREATE_BLOCKED: CREATING | STACKED,
        Event.GO_START: SEQUENCED,
        Event.GO_UNBLOCK: SEQUENCED | STACKED,
        Event.GO_SWITCH: SEQUENCED,
        Event.GO_SWITCH_DESTROY: SEQUENCED,
    }
)
"""Which heads name a sequence number or a start stack (argument 2), and a stack (argument 3)."""

_REASON, _STACK = 1, 2
LOCAL_STACK = _table(
    {
        Event.GO_STOP: _REASON | _STACK,
        Event.GO_BLOCK: _REASON | _STACK,
        Event.GO_SYSCALL_BEGIN: _STACK,
        Row.SWITCH_BLOCK: 0,
    }
)
"""Which local rows name a reason (bit 1, argument 1) and a stack (bit 2, argument 2)."""
