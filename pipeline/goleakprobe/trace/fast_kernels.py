"""The two stages of decoding as compiled loops; only the fast engine imports this.

The rows are those of ``goleakprobe.trace.rows``: heads, locals, contexts. A read past a batch stays
inside the padding and is found afterwards.
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
    h_kind: Bytes,
    h_time: Longs,
    h_goroutine: Longs,
    h_sequence: Ints,
    h_actor: Longs,
    h_stack: Ints,
    h_start: Ints,
    l_kind: Bytes,
    l_time: Longs,
    l_reason: Ints,
    l_stack: Ints,
    l_head: Ints,
    locals_of: Ints,
) -> tuple[int, int, int, int, int]:
    """Rows of all batches → error, events, heads, locals, heads that are a goroutine's first."""
    heads = 0
    held = 0
    events = 0
    firsts = 0
    head_room = len(h_kind) - 1
    local_room = len(l_kind) - 2
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
                return _EVENT, events, heads, held, firsts
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
                                return _NUMBER, events, heads, held, firsts
                            break
                        shift += np.uint64(7)
                        if shift > np.uint64(63):
                            return _NUMBER, events, heads, held, firsts
                args[j] = np.int64(value)
            if i > end:
                return _NUMBER, events, heads, held, firsts
            events += 1
            delta = args[0]
            if delta < 0 or delta > (1 << 56):
                return _RANGE, events, heads, held, firsts
            time += delta
            if role & (_HEAD | _LOCAL) == 0:
                continue
            if heads >= head_room or held >= local_room:
                return FULL, events, heads, held, firsts
            if role & _LOCAL:
                if head < 0:
                    return LACKS_GOROUTINE, events, heads, held, firsts
                l_kind[held] = kind
                l_time[held] = time
                l_reason[held] = 0
                l_stack[held] = 0
                l_head[held] = head
                locals_of[head] += 1
                if kind in (_GO_BLOCK, _GO_STOP):
                    if (args[1] | args[2]) >> 31:
                        return _RANGE, events, heads, held, firsts
                    l_reason[held] = args[1]
                    l_stack[held] = args[2]
                elif kind == _GO_SYSCALL_BEGIN:
                    if args[2] >> 31:
                        return _RANGE, events, heads, held, firsts
                    l_stack[held] = args[2]
                elif role & _SWITCH:
                    l_kind[held] = _SWITCH_BLOCK if kind == _GO_SWITCH else _SWITCH_DESTROY
                held += 1
            if role & _HEAD == 0:
                if role & _RELEASE:
                    running = np.int64(-1)
                    head = np.int64(-1)
                continue
            goroutine = args[1]
            if goroutine < 0:
                return _RANGE, events, heads, held, firsts
            h_kind[heads] = kind
            h_time[heads] = time
            h_goroutine[heads] = goroutine
            h_actor[heads] = running
            h_sequence[heads] = 0
            h_stack[heads] = 0
            h_start[heads] = 0
            locals_of[heads] = 0
            binds = role & _BIND != 0
            if role & _IS_STATUS:
                status = args[3]
                if status < 1 or status > 4:
                    return _STATUS, events, heads, held, firsts
                h_kind[heads] = status_rows[status]
                if kind == _GO_STATUS_STACK:
                    if args[4] >> 31:
                        return _RANGE, events, heads, held, firsts
                    h_stack[heads] = args[4]
                binds = status == 2 or (status == 3 and np.uint64(args[2]) == threads[k])
                firsts += 1
            elif kind in (_GO_CREATE, _GO_CREATE_BLOCKED):
                if (args[2] | args[3]) >> 31:
                    return _RANGE, events, heads, held, firsts
                h_start[heads] = args[2]
                h_stack[heads] = args[3]
                firsts += 1
            elif kind == _GO_CREATE_SYSCALL:
                firsts += 1
            else:
                if args[2] >> 31:
                    return _RANGE, events, heads, held, firsts
                h_sequence[heads] = args[2]
                if kind == _GO_UNBLOCK:
                    if args[3] >> 31:
                        return _RANGE, events, heads, held, firsts
                    h_stack[heads] = args[3]
                elif role & _SWITCH:
                    h_kind[heads] = _SWITCH_UNBLOCK
                    l_kind[held] = _SWITCH_START
                    l_time[held] = time
                    l_reason[held] = 0
                    l_stack[held] = 0
                    l_head[held] = heads
                    locals_of[heads] = 1
                    held += 1
            if binds:
                running = goroutine
                head = np.int64(heads)
            heads += 1
    return OK, events, heads, held, firsts


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
def place_slots(
    slots: Ints,
    locals_of: Ints,
    places: Longs,
    at_head: Longs,
    next_local: Longs,
) -> None:
    """Row of every slot, of every head, and of the first local of every head."""
    for i in range(len(slots)):
        places[slots[i] + 1] = 1 + locals_of[i]
    for k in range(1, len(places)):
        places[k] += places[k - 1]
    for i in range(len(slots)):
        p = places[slots[i]]
        at_head[i] = p
        next_local[i] = p + 1


@njit(cache=True, nogil=True, boundscheck=False)
def spread(
    at_head: Longs,
    next_local: Longs,
    h_kind: Bytes,
    h_time: Longs,
    h_stack: Ints,
    h_start: Ints,
    h_actor: Longs,
    l_kind: Bytes,
    l_time: Longs,
    l_reason: Ints,
    l_stack: Ints,
    l_head: Ints,
    h_goroutine: Longs,
    befores: Bytes,
    afters: Bytes,
    kind: Bytes,
    time: Longs,
    stack: Ints,
    start: Ints,
    actor: Longs,
    reason: Ints,
    before: Bytes,
    after: Bytes,
) -> None:
    """Write every row to its place; ``next_local`` is where each head's next local goes."""
    for i in range(len(at_head)):
        p = at_head[i]
        k = h_kind[i]
        kind[p] = k
        before[p] = befores[k]
        after[p] = afters[k]
        time[p] = h_time[i]
        stack[p] = h_stack[i]
        start[p] = h_start[i]
        actor[p] = h_actor[i]
        reason[p] = 0
    for i in range(len(l_head)):
        h = l_head[i]
        p = next_local[h]
        next_local[h] = p + 1
        k = l_kind[i]
        kind[p] = k
        before[p] = befores[k]
        after[p] = afters[k]
        time[p] = l_time[i]
        stack[p] = l_stack[i]
        start[p] = 0
        actor[p] = -1 if k == _SWITCH_START else h_goroutine[h]
        reason[p] = l_reason[i]
