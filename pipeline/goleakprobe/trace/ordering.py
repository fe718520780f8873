"""Rows in thread order to transitions in goroutine order, by counting: the second stage.

(goroutine, sequence number) is the runtime's own order of heads, without gap or double in a
generation, and the locals of a head's context follow it in thread order. So every head has a
slot, slots have known lengths, and every row's place is a sum: no comparison sort, no clock, no
merge of threads. That each slot is taken exactly once proves that no event is missing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from goleakprobe.trace.errors import MalformedTraceError
from goleakprobe.trace.identifiers import dense_positions
from goleakprobe.trace.rows import RowBuffers
from goleakprobe.trace.states import ROW_AFTER, ROW_BEFORE, STATUS_ROW, Row, State
from goleakprobe.trace.wire import NO_GOROUTINE, Event

__all__ = ["FIRST_KINDS", "UNPLACED_GOROUTINE", "Ordered", "order_rows"]

Longs = NDArray[np.int64]

_BEFORE = ROW_BEFORE.tobytes()
_AFTER = ROW_AFTER.tobytes()
UNPLACED_GOROUTINE = (
    "an event of a goroutine that has neither a status nor a creation in its generation"
)
FIRST_KINDS = np.zeros(256, np.bool_)
"""Kinds of rows that a goroutine's rows of a generation begin with."""
FIRST_KINDS[[Event.GO_CREATE, Event.GO_CREATE_BLOCKED, Event.GO_CREATE_SYSCALL]] = True
FIRST_KINDS[STATUS_ROW:] = True


class Ordered(NamedTuple):
    """The ordered columns of a generation; see Transitions for what they mean."""

    time: Longs
    goroutine: Longs
    kind: NDArray[np.uint8]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    reason: NDArray[np.int32]
    stack: NDArray[np.int32]
    start_stack: NDArray[np.int32]
    actor: Longs
    goroutines: Longs
    first_row: Longs
    row_count: Longs
    irregular: bool


class _Slots(NamedTuple):
    members: Longs
    first_slot: Longs
    of_head: Longs
    irregular: bool


def order_rows(rows: RowBuffers, *, first_generation: bool) -> Ordered:
    """Put the rows of a generation in goroutine order.

    Raises MalformedTraceError for an event of a goroutine that has neither a status nor a
    creation in its generation.
    """
    slots = _assign_slots(rows)
    at_head, at_local, slot_place = _places(rows, slots.of_head)
    total = len(at_head) + len(at_local)
    first_row = slot_place.take(slots.first_slot)
    row_count = np.diff(first_row, append=total)
    goroutine = np.repeat(slots.members, row_count)
    heads, local = rows.heads, rows.locals
    kind = _spread(np.uint8, total, at_head, heads["kind"], at_local, local["kind"])
    actor = goroutine.copy()
    actor[at_head] = heads["actor"]
    switched = np.flatnonzero(local["kind"] == Row.SWITCH_START)
    actor[at_local.take(switched)] = NO_GOROUTINE
    start_stack = np.zeros(total, np.int32)
    created = np.flatnonzero(heads["start_stack"] != 0)
    start_stack[at_head.take(created)] = heads["start_stack"].take(created)
    reason = np.zeros(total, np.int32)
    reason[at_local] = local["reason"]
    data = kind.tobytes()
    before = np.frombuffer(bytearray(data.translate(_BEFORE)), np.uint8)
    if first_generation:
        statuses = first_row[kind.take(first_row) >= STATUS_ROW]
        before[statuses] = State.UNDETERMINED
    return Ordered(
        time=_spread(np.int64, total, at_head, heads["time"], at_local, local["time"]),
        goroutine=goroutine,
        kind=kind,
        before=before,
        after=np.frombuffer(data.translate(_AFTER), np.uint8),
        reason=reason,
        stack=_spread(np.int32, total, at_head, heads["stack"], at_local, local["stack"]),
        start_stack=start_stack,
        actor=actor,
        goroutines=slots.members,
        first_row=first_row,
        row_count=row_count,
        irregular=slots.irregular,
    )


def _spread(
    kind: type[np.generic],
    total: int,
    at_head: Longs,
    of_heads: NDArray[Any],
    at_local: Longs,
    of_locals: NDArray[Any],
) -> NDArray[Any]:
    column = np.empty(total, kind)
    column[at_head] = of_heads
    column[at_local] = of_locals
    return column


def _assign_slots(rows: RowBuffers) -> _Slots:
    goroutine = rows.heads["goroutine"]
    sequence = rows.heads["sequence"]
    firsts = np.flatnonzero(FIRST_KINDS.take(rows.heads["kind"]))
    members = np.sort(goroutine.take(firsts))
    if not len(members):
        raise MalformedTraceError(UNPLACED_GOROUTINE)
    doubled = bool((members[1:] == members[:-1]).any())
    if doubled:
        members = np.unique(members)
    dense = dense_positions(members, goroutine)
    if int(dense.min()) < 0:
        raise MalformedTraceError(UNPLACED_GOROUTINE)
    counts = np.bincount(dense, minlength=len(members))
    first_slot = np.cumsum(counts)
    first_slot -= counts
    slot = first_slot.take(dense)
    slot += sequence
    # One slot for each head, every slot taken: then sequence numbers have no gap and no double.
    taken = np.zeros(len(slot), np.bool_)
    regular = not doubled and int(slot.max()) < len(slot)
    if regular:
        taken[slot] = True
        regular = bool(taken.all())
    if not regular:
        order = np.lexsort((np.arange(len(slot)), sequence, dense))
        slot[order] = np.arange(len(slot))
    return _Slots(members, first_slot, slot, not regular)


def _places(rows: RowBuffers, slot_of_head: Longs) -> tuple[Longs, Longs, Longs]:
    """Row of each head, of each local, and of the begin of each slot."""
    head = rows.locals["head"].astype(np.int64)
    sizes = np.bincount(head, minlength=len(slot_of_head))
    slot_place = np.empty(len(sizes), np.int64)
    slot_place[slot_of_head] = sizes
    slot_place += 1
    lengths = slot_place.copy()
    np.cumsum(slot_place, out=slot_place)
    slot_place -= lengths
    del lengths
    at_head = slot_place.take(slot_of_head)
    # Locals are in the order of their heads, so each head's are numbered on from its first.
    offset = at_head + 1
    offset += sizes
    offset -= np.cumsum(sizes)
    at_local = offset.take(head)
    at_local += np.arange(len(head))
    return at_head, at_local, slot_place
