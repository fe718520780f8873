"""The states of a goroutine and the rows that move it from one to another."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from goleakprobe.trace.wire import Event

__all__ = ["ROW_AFTER", "ROW_BEFORE", "STATE_OF_STATUS", "STATUS_ROW", "Row", "State"]


class State(IntEnum):
    """States of a goroutine, numbered as in Go's own trace reader.

    Created is ``NOT_EXIST`` to something else; dead is something else to ``NOT_EXIST``.
    """

    UNDETERMINED = 0
    NOT_EXIST = 1
    RUNNABLE = 2
    RUNNING = 3
    WAITING = 4
    SYSCALL = 5

    @property
    def label(self) -> str:
        """The name people read."""
        return _LABELS[self]


_LABELS = {
    State.UNDETERMINED: "unknown",
    State.NOT_EXIST: "dead",
    State.RUNNABLE: "runnable",
    State.RUNNING: "running",
    State.WAITING: "blocked",
    State.SYSCALL: "syscall",
}

# gstatus on the wire is 1 runnable, 2 running, 3 syscall, 4 waiting.
STATE_OF_STATUS: tuple[State, ...] = (
    State.UNDETERMINED,
    State.RUNNABLE,
    State.RUNNING,
    State.SYSCALL,
    State.WAITING,
)


class Row(IntEnum):
    """Row kinds beyond the event numbers: GoSwitch is three transitions in one event."""

    SWITCH_UNBLOCK = 200
    SWITCH_BLOCK = 201
    SWITCH_DESTROY = 202
    SWITCH_START = 203


STATUS_ROW = 210
"""A status row's kind is this plus the state it names; no other kind is as high."""

_TRANSITIONS: dict[int, tuple[State, State]] = {
    Event.GO_CREATE: (State.NOT_EXIST, State.RUNNABLE),
    Event.GO_CREATE_BLOCKED: (State.NOT_EXIST, State.WAITING),
    Event.GO_CREATE_SYSCALL: (State.NOT_EXIST, State.SYSCALL),
    Event.GO_START: (State.RUNNABLE, State.RUNNING),
    Event.GO_UNBLOCK: (State.WAITING, State.RUNNABLE),
    Event.GO_STOP: (State.RUNNING, State.RUNNABLE),
    Event.GO_BLOCK: (State.RUNNING, State.WAITING),
    Event.GO_DESTROY: (State.RUNNING, State.NOT_EXIST),
    Event.GO_DESTROY_SYSCALL: (State.SYSCALL, State.NOT_EXIST),
    Event.GO_SYSCALL_BEGIN: (State.RUNNING, State.SYSCALL),
    Event.GO_SYSCALL_END: (State.SYSCALL, State.RUNNING),
    Event.GO_SYSCALL_END_BLOCKED: (State.SYSCALL, State.RUNNABLE),
    Row.SWITCH_UNBLOCK: (State.WAITING, State.RUNNABLE),
    Row.SWITCH_BLOCK: (State.RUNNING, State.WAITING),
    Row.SWITCH_DESTROY: (State.RUNNING, State.NOT_EXIST),
    Row.SWITCH_START: (State.RUNNABLE, State.RUNNING),
} | {STATUS_ROW + state: (state, state) for state in State}

ROW_BEFORE = np.zeros(256, np.uint8)
"""State before a row, by its kind."""
ROW_AFTER = np.zeros(256, np.uint8)
"""State after a row, by its kind."""
for _kind, (_before, _after) in _TRANSITIONS.items():
    ROW_BEFORE[_kind] = _before
    ROW_AFTER[_kind] = _after
