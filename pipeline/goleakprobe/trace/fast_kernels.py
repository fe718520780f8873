"""The two stages of decoding as compiled loops; only the fast engine imports this.

Rows are written in thread order, four numbers each: time, actor, stack with reason or start stack
above it, kind with the row's head above it (``goleakprobe.trace.rows`` says what heads and locals
are). A read past a batch stays inside the padding and is found afterwards.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "FULL",
    "LACKS_GOROUTINE",
    "MESSAGES",
    "OK",
    "assign_slots",
    "finish",
    "look_up",
    "number_members",
    "place_slots",
    "read_events",
    "spread",
]

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Unsigneds = NDArray[np.uint64]

OK, FULL, LACKS_GOROUTINE = 0, 1, 2
MESSAGES = {
    LACKS_GOROUTINE: "a goroutine event on a thread that has no goroutine",
    3: "a number is longer than ten bytes, or runs past its batch",
    4: "an unknown event in an event batch",
    5: "a goroutine status is out of range",
    6: "an id, sequence number or time is out of range",
}
_NUMBER, _EVENT, _STATUS, _RANGE = 3, 4, 5, 6

# Roles, as in event_classes.
_HEAD, _LOCAL, _BIND, _RELEASE, _IS_STATUS, _SWITCH, _EXPERIMENTAL, _UNKNOWN = (
    1,
    2,
    4,
    8,
    16,
    32,
    64,
    128,
)
_GO_CREATE, _GO_BLOCK, _GO_STOP, _GO_UNBLOCK, _GO_SYSCALL_BEGIN = 14, 20, 19, 21, 22
_GO_SWITCH, _GO_CREATE_BLOCKED, _GO_STATUS_STACK, _GO_CREATE_SYSCALL = 45, 47, 48, 15
_SWITCH_UNBLOCK, _SWITCH_BLOCK, _SWITCH_DESTROY, _SWITCH_START = 200, 201, 202, 203


@njit(cache=True, nogil=True, boundscheck=False)
def read_events(  # noqa: C901
    octets: Bytes,
    offsets: Longs,
    ends: Longs,
    times: Longs,
    threads: Unsigneds,
    roles: Bytes,
    counts: Bytes,
    status_rows: Bytes,
    rows: Longs,
    goroutines: Longs,
    sequences: Ints,
    locals_of: Ints,
    first_of: Longs,
) -> tuple[int, int, int, int, int]:
    """Rows of all batches → error, events, rows, heads, goroutines.

    ``goroutines``, ``sequences`` and ``locals_of`` are the heads'; ``first_of`` are the goroutines
    of heads that a goroutine begins a generation with.
    """
    heads = 0
    firsts = 0
    written = 0
    events = 0
    room = len(goroutines) - 4
    args = np.zeros(8, np.int64)
    running = np.int64(-1)
    head = np.int64(-1)
    for k in range(len(offsets)):
        if k == 0 or threads[k] != threads[k - 1]:
            running = np.int64(-1)
            head = np.int64(-1)
        i = offsets[k]
        end = ends[k]
        time = times[k]
        while i < end:
            kind = octets[i]
            role = roles[kind]
            count = counts[kind]
            if role & _UNKNOWN:
                return _EVENT, events, written, heads, firsts
            i += 1
            for j in range(count):
                byte = octets[i]
                i += 1
                value = np.uint64(byte)
                if byte >= 0x80:
                    value &= np.uint64(0x7F)
                    shift = np.uint64(7)
                    while True:
                        byte = octets[i]
                        i += 1
                        value |= np.uint64(byte & 0x7F) << shift
                        if byte < 0x80:
                            if shift == np.uint64(63) and byte > 1:
                                return _NUMBER, events, written, heads, firsts
                            break
                        shift += np.uint64(7)
                        if shift > np.uint64(63):
                            return _NUMBER, events, written, heads, firsts
                args[j] = np.int64(value)
            if i > end:
                return _NUMBER, events, written, heads, firsts
            events += 1
            delta = args[0]
            if delta < 0 or delta > (1 << 56):
                return _RANGE, events, written, heads, firsts
            time += delta
            if role & (_HEAD | _LOCAL) == 0:
                continue
            if written >= room:
                return FULL, events, written, heads, firsts
            if role & _LOCAL:
                if head < 0:
                    return LACKS_GOROUTINE, events, written, heads, firsts
                locals_of[head] += 1
                row_kind = np.int64(kind)
                ids = np.int64(0)
                if kind in (_GO_BLOCK, _GO_STOP):
                    if (args[1] | args[2]) >> 31:
                        return _RANGE, events, written, heads, firsts
                    ids = args[2] | args[1] << 32
                elif kind == _GO_SYSCALL_BEGIN:
                    if args[2] >> 31:
                        return _RANGE, events, written, heads, firsts
                    ids = args[2]
                elif role & _SWITCH:
                    row_kind = np.int64(_SWITCH_BLOCK if kind == _GO_SWITCH else _SWITCH_DESTROY)
                rows[written, 0] = time
                rows[written, 1] = running
                rows[written, 2] = ids
                rows[written, 3] = row_kind | head << 8
                written += 1
            if role & _HEAD == 0:
                if role & _RELEASE:
                    running = np.int64(-1)
                    head = np.int64(-1)
                continue
            goroutine = args[1]
            if goroutine < 0:
                return _RANGE, events, written, heads, firsts
            row_kind = np.int64(kind)
            ids = np.int64(0)
            sequence = np.int64(0)
            binds = role & _BIND != 0
            begins = True
            if role & _IS_STATUS:
                status = args[3]
                if status < 1 or status > 4:
                    return _STATUS, events, written, heads, firsts
                row_kind = np.int64(status_rows[status])
                if kind == _GO_STATUS_STACK:
                    if args[4] >> 31:
                        return _RANGE, events, written, heads, firsts
                    ids = args[4]
                binds = status == 2 or (status == 3 and np.uint64(args[2]) == threads[k])
            elif kind in (_GO_CREATE, _GO_CREATE_BLOCKED):
                if (args[2] | args[3]) >> 31:
                    return _RANGE, events, written, heads, firsts
                ids = args[3] | args[2] << 32
            elif kind != _GO_CREATE_SYSCALL:
                begins = False
                if args[2] >> 31:
                    return _RANGE, events, written, heads, firsts
                sequence = args[2]
                if kind == _GO_UNBLOCK:
                    if args[3] >> 31:
                        return _RANGE, events, written, heads, firsts
                    ids = args[3]
                elif role & _SWITCH:
                    row_kind = np.int64(_SWITCH_UNBLOCK)
            goroutines[heads] = goroutine
            sequences[heads] = sequence
            locals_of[heads] = 0
            if begins:
                first_of[firsts] = goroutine
                firsts += 1
            rows[written, 0] = time
            rows[written, 1] = running
            rows[written, 2] = ids
            rows[written, 3] = row_kind | heads << 8
            written += 1
            if role & _SWITCH:
                locals_of[heads] = 1
                rows[written, 0] = time
                rows[written, 1] = -1
                rows[written, 2] = 0
                rows[written, 3] = _SWITCH_START | heads << 8
                written += 1
            if binds:
                running = goroutine
                head = np.int64(heads)
            heads += 1
    return OK, events, written, heads, firsts


@njit(cache=True, nogil=True, boundscheck=False)
def number_members(
    members: Longs,
    goroutines: Longs,
    dense: Ints,
    counts: Longs,
) -> bool:
    """Number goroutines by a hash table of ``members``; False if one is not a member."""
    size = 16
    while size < 2 * len(members):
        size *= 2
    mask = np.uint64(size - 1)
    keys = np.full(size, -1, np.int64)
    numbers = np.empty(size, np.int32)
    spice = np.uint64(0x9E3779B97F4A7C15)
    for k in range(len(members)):
        at = (np.uint64(members[k]) * spice >> np.uint64(32)) & mask
        while keys[at] != -1:
            at = (at + np.uint64(1)) & mask
        keys[at] = members[k]
        numbers[at] = k
    for i in range(len(goroutines)):
        goroutine = goroutines[i]
        at = (np.uint64(goroutine) * spice >> np.uint64(32)) & mask
        while keys[at] != goroutine:
            if keys[at] == -1:
                return False
            at = (at + np.uint64(1)) & mask
        number = numbers[at]
        dense[i] = number
        counts[number] += 1
    return True


@njit(cache=True, nogil=True, boundscheck=False)
def assign_slots(
    dense: Ints,
    sequences: Ints,
    first_slot: Longs,
    taken: Flags,
    slots: Ints,
) -> bool:
    """Slot of every head; False if sequence numbers have a gap or a double."""
    total = len(dense)
    for i in range(total):
        slot = first_slot[dense[i]] + sequences[i]
        if slot >= total or taken[slot]:
            return False
        taken[slot] = True
        slots[i] = slot
    return True


@njit(cache=True, nogil=True, boundscheck=False)
def place_slots(slots: Ints, locals_of: Ints, places: Ints, following: Ints) -> None:
    """The place of every slot, and of every head."""
    for i in range(len(slots)):
        places[slots[i] + 1] = 1 + locals_of[i]
    for k in range(1, len(places)):
        places[k] += places[k - 1]
    for i in range(len(slots)):
        following[i] = places[slots[i]]


@njit(cache=True, nogil=True, boundscheck=False)
def spread(
    rows: Longs,
    following: Ints,
    kind: Bytes,
    time: Longs,
    actor: Longs,
    stack: Ints,
    upper: Ints,
) -> None:
    """Write every row to its place, ids still local; ``upper`` is a reason or a start stack.

    ``following`` is where the next row of each head goes: a head precedes its locals. Every column
    written in passing costs lines of the cache, so what follows from others is left to ``finish``.
    """
    for i in range(len(rows)):
        last = rows[i, 3]
        head = last >> 8
        p = following[head]
        following[head] = p + 1
        ids = rows[i, 2]
        kind[p] = last & 0xFF
        time[p] = rows[i, 0]
        actor[p] = rows[i, 1]
        stack[p] = ids & 0x7FFFFFFF
        upper[p] = ids >> 32


@njit(cache=True, nogil=True, boundscheck=False)
def finish(
    befores: Bytes,
    afters: Bytes,
    kind: Bytes,
    upper: Ints,
    start: Ints,
    before: Bytes,
    after: Bytes,
) -> None:
    """Fill what follows from the kind; of ``upper`` the start stacks go, and reasons are left."""
    for p in range(len(kind)):
        row_kind = kind[p]
        before[p] = befores[row_kind]
        after[p] = afters[row_kind]
        start[p] = 0
        if row_kind in (_GO_CREATE, _GO_CREATE_BLOCKED):
            start[p] = upper[p]
            upper[p] = 0


@njit(cache=True, nogil=True, boundscheck=False)
def look_up(values: Ints, column: Ints) -> None:
    """Replace each number by the value at its place, or by the last one."""
    last = len(values) - 1
    for p in range(len(column)):
        column[p] = values[min(column[p], last)]
