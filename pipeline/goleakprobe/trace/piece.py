"""A piece of event batches to rows: the first stage of decoding, in memory the cache holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from goleakprobe.trace.errors import MalformedTraceError
from goleakprobe.trace.event_classes import (
    CREATING,
    HEAD_FIELDS,
    LOCAL_STACK,
    SEQUENCED,
    STACKED,
    Role,
)
from goleakprobe.trace.events import Events, Threads, read_events
from goleakprobe.trace.rows import NO_HEAD, Column, RowBuffers
from goleakprobe.trace.states import STATE_OF_STATUS, STATUS_ROW, Row
from goleakprobe.trace.wire import NO_GOROUTINE, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe.trace.generation import Batch
    from goleakprobe.trace.identifiers import IdMap

__all__ = ["LocalIds", "PieceDecoder"]

_STATUS_RUNNING, _STATUS_SYSCALL = 2, 3
_STATUS_ROWS = np.array([STATUS_ROW + state for state in STATE_OF_STATUS], np.uint8)

_ID = "an id of a string or stack"

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


class LocalIds(NamedTuple):
    """What a generation's stack and string ids stand for."""

    stacks: IdMap
    reasons: IdMap


class PieceDecoder:
    """Decodes the pieces of one generation into ``rows``.

    Pieces come in an order in which all batches of a thread follow each other; the goroutine on
    the thread at a piece's end is carried to the next.
    """

    def __init__(self, rows: RowBuffers, roles: bytes, ids: LocalIds) -> None:
        self._rows = rows
        self._roles = roles
        self._ids = ids
        self._thread: int | None = None
        self._running = NO_GOROUTINE
        self._head = NO_HEAD

    def decode(self, batches: Sequence[Batch]) -> None:
        """Append the rows of these batches.

        Raises MalformedTraceError.
        """
        events, threads = read_events(batches, self._roles)
        self._rows.events += len(events.at)
        head_at = np.flatnonzero((events.roles & Role.HEAD) != 0)
        heads = self._rows.heads.extend(len(head_at))
        bound = self._fill_heads(heads, head_at, events, threads)
        self._link(heads, head_at, bound, events, threads)

    def _fill_heads(
        self,
        heads: dict[str, Column],
        head_at: Longs,
        events: Events,
        threads: Threads,
    ) -> Longs:
        """Fill all but the actor; the events that bind by a status."""
        numbers = events.numbers
        at = events.at.take(head_at)
        events.time.take(head_at, out=heads["time"], mode="clip")
        kinds = heads["kind"]
        events.kinds.take(head_at, out=kinds, mode="clip")
        goroutine = numbers.values(at, 2)
        if numbers.has_long and len(goroutine) and int(goroutine.min()) < 0:
            raise MalformedTraceError("a goroutine id is out of range")
        heads["goroutine"][:] = goroutine
        fields = np.frombuffer(kinds.tobytes().translate(HEAD_FIELDS), np.uint8)
        if events.present & Role.SWITCH:
            switches = np.flatnonzero((events.roles.take(head_at) & Role.SWITCH) != 0)
            kinds[switches] = Row.SWITCH_UNBLOCK
        second = numbers.values(at, 3)
        sequence = second * (fields & SEQUENCED)
        if numbers.has_long:
            _check_small(sequence, "a sequence number")
        heads["sequence"][:] = sequence
        starts = np.flatnonzero((fields & CREATING) != 0)
        heads["start_stack"][:] = 0
        if len(starts):
            mapped = np.empty(len(starts), np.int32)
            ids = second.take(starts)
            _check_small(ids, _ID)
            self._ids.stacks.map(ids, mapped)
            heads["start_stack"][starts] = mapped
        third = numbers.values(at, 4)
        third *= (fields & STACKED) != 0
        bound = head_at[:0]
        if events.present & Role.STATUS:
            bound = self._read_statuses(kinds, head_at, at, second, third, events, threads)
        if numbers.has_long:
            _check_small(third, _ID)
        self._ids.stacks.map(third, heads["stack"])
        return bound

    def _read_statuses(
        self,
        kinds: NDArray[np.uint8],
        head_at: Longs,
        at: Longs,
        second: Longs,
        third: Longs,
        events: Events,
        threads: Threads,
    ) -> Longs:
        """Set the kinds and stacks of status rows; the events of those that bind."""
        which = np.flatnonzero((kinds == Event.GO_STATUS) | (kinds == Event.GO_STATUS_STACK))
        stacked = which[kinds[which] == Event.GO_STATUS_STACK]
        third[stacked] = events.numbers.values(at.take(stacked), 5)
        status = events.numbers.values(at.take(which), 4)
        if len(status) and (status.min() < 1 or status.max() >= len(STATE_OF_STATUS)):
            raise MalformedTraceError("a goroutine status is out of range")
        kinds[which] = _STATUS_ROWS.take(status)
        where = head_at.take(which)
        group = np.searchsorted(threads.first, where, side="right") - 1
        own = np.array(threads.ids, np.uint64).take(group)
        named = second.take(which).view(np.uint64)
        here = (status == _STATUS_RUNNING) | ((status == _STATUS_SYSCALL) & (named == own))
        bound: Longs = where[here]
        return bound

    def _link(
        self,
        heads: dict[str, Column],
        head_at: Longs,
        bound: Longs,
        events: Events,
        threads: Threads,
    ) -> None:
        """Give heads their actor and locals their head: whoever is on the thread before them."""
        binding = (events.roles & Role.BIND) != 0
        binding[bound] = True
        changing = (events.roles & (Role.BIND | Role.RELEASE)) != 0
        changing[bound] = True
        # Nothing follows a thread's last event but the next thread, which has nothing on it yet.
        last = threads.first[1:] - 1
        changing[last] = True
        binding[last] = False
        changes = np.flatnonzero(changing)
        binds = np.flatnonzero(binding.take(changes)) + 1
        bound_heads = np.flatnonzero(binding.take(head_at))
        first_head = self._rows.heads.length - len(head_at)
        # One entry for what was there before the piece, one for after each change.
        owner = np.full(len(changes) + 1, NO_HEAD, np.int32)
        running = np.full(len(changes) + 1, NO_GOROUTINE, np.int64)
        owner[binds] = bound_heads + first_head
        running[binds] = heads["goroutine"].take(bound_heads)
        if self._thread == threads.ids[0]:
            owner[0], running[0] = self._head, self._running
        self._thread = threads.ids[-1]
        self._head, self._running = int(owner[-1]), int(running[-1])
        before = np.empty(len(changing) + 1, np.int64)
        before[0] = 0
        np.cumsum(changing, out=before[1:])
        running.take(before.take(head_at), out=heads["actor"], mode="clip")
        local_at = np.flatnonzero((events.roles & Role.LOCAL) != 0)
        head = owner.take(before.take(local_at))
        if len(head) and int(head.min()) < 0:
            raise MalformedTraceError("a goroutine event on a thread that has no goroutine")
        kinds = events.kinds.take(local_at)
        if events.present & Role.SWITCH:
            switching = np.flatnonzero((events.roles.take(head_at) & Role.SWITCH) != 0)
            local_at, head, kinds = _split_switches(local_at, head, kinds, switching + first_head)
        self._fill_locals(local_at, head, kinds, events)

    def _fill_locals(
        self, local_at: Longs, head: Ints, kinds: NDArray[np.uint8], events: Events
    ) -> None:
        rows = self._rows.locals.extend(len(local_at))
        rows["kind"][:] = kinds
        rows["head"][:] = head
        events.time.take(local_at, out=rows["time"], mode="clip")
        named = np.frombuffer(kinds.tobytes().translate(LOCAL_STACK), np.uint8)
        numbers = events.numbers
        at = events.at.take(local_at)
        reason = numbers.values(at, 2)
        reason *= named & 1
        stack = numbers.values(at, 3)
        stack *= named >> 1
        if numbers.has_long:
            _check_small(reason, _ID)
            _check_small(stack, _ID)
        self._ids.reasons.map(reason, rows["reason"])
        self._ids.stacks.map(stack, rows["stack"])


def _split_switches(
    local_at: Longs, head: Ints, kinds: NDArray[np.uint8], heads: Longs
) -> tuple[Longs, Ints, NDArray[np.uint8]]:
    """The same with two rows for each switch: one goroutine leaves, that of its head starts."""
    switches = (kinds == Event.GO_SWITCH) | (kinds == Event.GO_SWITCH_DESTROY)
    copies = 1 + switches.astype(np.int64)
    starting = np.cumsum(copies)[np.flatnonzero(switches)] - 1
    leaving = starting - 1
    local_at, head = np.repeat(local_at, copies), np.repeat(head, copies)
    kinds = np.repeat(kinds, copies)
    destroyed = kinds.take(leaving) == Event.GO_SWITCH_DESTROY
    kinds[leaving] = np.where(destroyed, Row.SWITCH_DESTROY, Row.SWITCH_BLOCK)
    kinds[starting] = Row.SWITCH_START
    head[starting] = heads
    return local_at, head, kinds


def _check_small(values: Longs, what: str) -> None:
    if len(values) and (int(values.min()) < 0 or int(values.max()) >> 31):
        raise MalformedTraceError(f"{what} is out of range")
