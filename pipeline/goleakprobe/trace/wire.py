"""The wire format of Go execution traces, versions 1.22 to 1.26, as tables.

Source: https://github.com/golang/go/tree/master/src/internal/trace/tracev2 (events.go, spec.go).
Argument counts and order of an event are the same in all these versions; later ones only add.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "ARGUMENT_COUNTS",
    "EXPERIMENTAL_ARGUMENT_COUNTS",
    "HEADER_BYTES",
    "LAST_EVENTS",
    "MAX_BATCH_BYTES",
    "MAX_STACK_FRAMES",
    "MAX_STRING_BYTES",
    "NO_GOROUTINE",
    "NO_THREAD",
    "Event",
]

HEADER_BYTES = 16
MAX_BATCH_BYTES = 64 << 10
MAX_STACK_FRAMES = 128
MAX_STRING_BYTES = 1 << 10
NO_THREAD = (1 << 64) - 1
"""Thread of the batches that no thread wrote: tables and the statuses at a generation's end."""
NO_GOROUTINE = -1
"""Actor of what the scheduler, the network poller or a timer did."""


class Event(IntEnum):
    """Event numbers, by the runtime's own names."""

    EVENT_BATCH = 1
    STACKS = 2
    STACK = 3
    STRINGS = 4
    STRING = 5
    CPU_SAMPLES = 6
    CPU_SAMPLE = 7
    FREQUENCY = 8
    PROCS_CHANGE = 9
    PROC_START = 10
    PROC_STOP = 11
    PROC_STEAL = 12
    PROC_STATUS = 13
    GO_CREATE = 14
    GO_CREATE_SYSCALL = 15
    GO_START = 16
    GO_DESTROY = 17
    GO_DESTROY_SYSCALL = 18
    GO_STOP = 19
    GO_BLOCK = 20
    GO_UNBLOCK = 21
    GO_SYSCALL_BEGIN = 22
    GO_SYSCALL_END = 23
    GO_SYSCALL_END_BLOCKED = 24
    GO_STATUS = 25
    STW_BEGIN = 26
    STW_END = 27
    GC_ACTIVE = 28
    GC_BEGIN = 29
    GC_END = 30
    GC_SWEEP_ACTIVE = 31
    GC_SWEEP_BEGIN = 32
    GC_SWEEP_END = 33
    GC_MARK_ASSIST_ACTIVE = 34
    GC_MARK_ASSIST_BEGIN = 35
    GC_MARK_ASSIST_END = 36
    HEAP_ALLOC = 37
    HEAP_GOAL = 38
    GO_LABEL = 39
    USER_TASK_BEGIN = 40
    USER_TASK_END = 41
    USER_REGION_BEGIN = 42
    USER_REGION_END = 43
    USER_LOG = 44
    GO_SWITCH = 45
    GO_SWITCH_DESTROY = 46
    GO_CREATE_BLOCKED = 47
    GO_STATUS_STACK = 48
    EXPERIMENTAL_BATCH = 49
    SYNC = 50
    CLOCK_SNAPSHOT = 51
    END_OF_GENERATION = 52


# Unsigned LEB128 numbers after the type byte of each event of an event batch, the time included.
ARGUMENT_COUNTS: dict[int, int] = {
    Event.PROCS_CHANGE: 3,
    Event.PROC_START: 3,
    Event.PROC_STOP: 1,
    Event.PROC_STEAL: 4,
    Event.PROC_STATUS: 3,
    Event.GO_CREATE: 4,
    Event.GO_CREATE_SYSCALL: 2,
    Event.GO_START: 3,
    Event.GO_DESTROY: 1,
    Event.GO_DESTROY_SYSCALL: 1,
    Event.GO_STOP: 3,
    Event.GO_BLOCK: 3,
    Event.GO_UNBLOCK: 4,
    Event.GO_SYSCALL_BEGIN: 3,
    Event.GO_SYSCALL_END: 1,
    Event.GO_SYSCALL_END_BLOCKED: 1,
    Event.GO_STATUS: 4,
    Event.STW_BEGIN: 3,
    Event.STW_END: 1,
    Event.GC_ACTIVE: 2,
    Event.GC_BEGIN: 3,
    Event.GC_END: 2,
    Event.GC_SWEEP_ACTIVE: 2,
    Event.GC_SWEEP_BEGIN: 2,
    Event.GC_SWEEP_END: 3,
    Event.GC_MARK_ASSIST_ACTIVE: 2,
    Event.GC_MARK_ASSIST_BEGIN: 2,
    Event.GC_MARK_ASSIST_END: 1,
    Event.HEAP_ALLOC: 2,
    Event.HEAP_GOAL: 2,
    Event.GO_LABEL: 2,
    Event.USER_TASK_BEGIN: 5,
    Event.USER_TASK_END: 3,
    Event.USER_REGION_BEGIN: 4,
    Event.USER_REGION_END: 4,
    Event.USER_LOG: 5,
    Event.GO_SWITCH: 3,
    Event.GO_SWITCH_DESTROY: 3,
    Event.GO_CREATE_BLOCKED: 4,
    Event.GO_STATUS_STACK: 5,
}

# The allocation experiment's events: Span, SpanAlloc, SpanFree, HeapObject, HeapObjectAlloc,
# HeapObjectFree, GoroutineStack, GoroutineStackAlloc, GoroutineStackFree. Nothing here reads them.
EXPERIMENTAL_ARGUMENT_COUNTS: dict[int, int] = {
    128: 4,
    129: 4,
    130: 2,
    131: 3,
    132: 3,
    133: 2,
    134: 3,
    135: 3,
    136: 2,
}

# The last event number of each wire version (the minor number in the header).
LAST_EVENTS: dict[int, Event] = {
    22: Event.USER_LOG,
    23: Event.EXPERIMENTAL_BATCH,
    25: Event.CLOCK_SNAPSHOT,
    26: Event.END_OF_GENERATION,
}
