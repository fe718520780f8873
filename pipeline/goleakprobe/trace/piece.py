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

    def decode(self, batches: Sequence[Batch]) -> None:
        """Append the rows of these batches.

        Raises MalformedTraceError.
        """
        events, threads = read_events(batches, self._roles)
        self._rows.events += len(events.at)
        roles = events.roles
        head_at = np.flatnonzero(roles & Role.HEAD)
        binds = (roles & (Role.BIND | Role.RELEASE)) != 0
        heads = self._rows.heads.extend(len(head_at))
        head_base = self._rows.heads.length - len(head_at)
        bound = self._fill_heads(heads, head_at, events, threads)
        if bound is not None:
            binds[bound] = True
        else:
            bound = head_at[:0]
        before = np.empty(len(binds) + 1, np.int64)
        before[0] = 0
        np.cumsum(binds, out=before[1:])
        self._link(before, binds, head_at, bound, heads, head_base, events, threads)

    def _fill_heads(
        self,
        heads: dict[str, Column],
        head_at: Longs,
        events: Events,
        threads: Threads,
    ) -> Longs | None:
        """Fill all but the actor; the events that bind by a status, if there are any."""
        numbers = events.numbers
        at = events.at.take(head_at)
        events.time.take(head_at, out=heads["time"], mode="clip")
        kinds = heads["kind"]
        events.kinds.take(head_at, out=kinds, mode="clip")
        goroutine = heads["goroutine"]
        at += 2
        goroutine[:] = numbers.values(at)
        if numbers.has_long and len(goroutine) and int(goroutine.min()) < 0:
            raise MalformedTraceError("a goroutine id is out of range")
        at += 1
        second = numbers.values(at)
        fields = np.frombuffer(kinds.tobytes().translate(HEAD_FIELDS), np.uint8)
        if Role.SWITCH in events.present:
            kinds[events.roles.take(head_at) & Role.SWITCH != 0] = Row.SWITCH_UNBLOCK
        unordered = np.flatnonzero((fields & SEQUENCED) == 0)
        others = second.take(unordered)
        second[unordered] = 0
        if numbers.has_long and len(second) and (second.min() < 0 or second.max() >> 31):
            raise MalformedTraceError("a sequence number is out of range")
        heads["sequence"][:] = second
        second[unordered] = others
        at += 1
        starts = np.flatnonzero(fields & CREATING)
        heads["start_stack"][:] = 0
        if len(starts):
            mapped = np.empty(len(starts), np.int32)
            self._ids.stacks.map(_small(second.take(starts)), mapped)
            heads["start_stack"][starts] = mapped
        third = numbers.values(at)
        third *= (fields & STACKED) != 0
        if Role.STATUS in events.present:
            return self._read_statuses(heads, head_at, at, second, third, events, threads)
        self._ids.stacks.map(_small(third) if numbers.has_long else third, heads["stack"])
        return None

    def _read_statuses(
        self,
        heads: dict[str, Column],
        head_at: Longs,
        third_at: Longs,
        second: Longs,
        third: Longs,
        events: Events,
        threads: Threads,
    ) -> Longs:
        kinds = heads["kind"]
        which = np.flatnonzero((kinds == Event.GO_STATUS) | (kinds == Event.GO_STATUS_STACK))
        stacked = which[kinds[which] == Event.GO_STATUS_STACK]
        third[stacked] = events.numbers.values(third_at.take(stacked) + 1)
        self._ids.stacks.map(_small(third), heads["stack"])
        status = events.numbers.values(third_at.take(which))
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
        before: Longs,
        binds: NDArray[np.bool_],
        head_at: Longs,
        bound: Longs,
        heads: dict[str, Column],
        head_base: int,
        events: Events,
        threads: Threads,
    ) -> None:
        """Give heads their actor, contexts their head and locals their context."""
        contexts = self._rows.contexts
        continued = self._thread == threads.ids[0]
        groups = len(threads.ids)
        changes = np.flatnonzero(binds)
        binding = events.roles.take(changes) & Role.BIND != 0
        binds_head = events.roles.take(head_at) & Role.BIND != 0
        if len(bound):
            binding |= np.isin(changes, bound, assume_unique=True)
            binds_head |= np.isin(head_at, bound, assume_unique=True)
        heads_bound = np.flatnonzero(binds_head)
        place = np.arange(1, len(changes) + 1)
        if groups > 1:
            # Each thread begins a context of its own, with nothing on it yet.
            event_counts = np.diff(threads.first, append=len(binds))
            before[:-1] += np.repeat(np.arange(groups), event_counts)
            change_counts = np.diff(np.searchsorted(changes, threads.first), append=len(changes))
            place += np.repeat(np.arange(groups), change_counts)
        place = place[binding]
        owner = np.full(len(changes) + groups, NO_HEAD, np.int64)
        running = np.full(len(changes) + groups, NO_GOROUTINE, np.int64)
        owner[place] = heads_bound + head_base
        running[place] = heads["goroutine"].take(heads_bound)
        base = contexts.length
        if continued:
            base -= 1
            running[0] = self._running
            contexts.extend(len(owner) - 1)["head"][:] = owner[1:]
        else:
            contexts.extend(len(owner))["head"][:] = owner
        self._thread = threads.ids[-1]
        self._running = int(running[-1])
        running.take(before.take(head_at), out=heads["actor"], mode="clip")
        self._fill_locals(before, base, events)

    def _fill_locals(self, before: Longs, base: int, events: Events) -> None:
        local_at = np.flatnonzero(events.roles & Role.LOCAL)
        second_of_switch: Longs | None = None
        kinds = events.kinds.take(local_at)
        if Role.SWITCH in events.present:
            switches = events.roles.take(local_at) & Role.SWITCH != 0
            local_at = np.repeat(local_at, 1 + switches.astype(np.int64))
            kinds = events.kinds.take(local_at)
            second_of_switch = np.cumsum(1 + switches)[switches] - 1
            blocking = second_of_switch - 1
            destroyed = kinds.take(blocking) == Event.GO_SWITCH_DESTROY
            kinds[blocking] = np.where(destroyed, Row.SWITCH_DESTROY, Row.SWITCH_BLOCK)
            kinds[second_of_switch] = Row.SWITCH_START
        rows = self._rows.locals.extend(len(local_at))
        rows["kind"][:] = kinds
        events.time.take(local_at, out=rows["time"], mode="clip")
        context = rows["context"]
        before.take(local_at, out=context, mode="clip")
        context += base
        if second_of_switch is not None:
            context[second_of_switch] += 1
        named = np.frombuffer(kinds.tobytes().translate(LOCAL_STACK), np.uint8)
        at = events.at.take(local_at)
        at += 2
        values = events.numbers.values(at)
        values *= named & 1
        checked = events.numbers.has_long
        self._ids.reasons.map(_small(values) if checked else values, rows["reason"])
        at += 1
        values = events.numbers.values(at)
        values *= named >> 1
        self._ids.stacks.map(_small(values) if checked else values, rows["stack"])


def _small(ids: Longs) -> Longs:
    if len(ids) and (int(ids.min()) < 0 or int(ids.max()) >> 31):
        raise MalformedTraceError("an id of a string or stack is out of range")
    return ids
