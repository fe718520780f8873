"""Lifecycle statistics of a trace, added up generation by generation.

Everything is a group-by of consecutive rows: the state before is the row above. What lives on is
one row for each live goroutine and one for each place; nothing is kept of the past.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goleakprobe.trace.identifiers import dense_positions
from goleakprobe.trace.living import NEVER, REMEMBERED_WAKERS, Living
from goleakprobe.trace.sites import NOWHERE, Places
from goleakprobe.trace.states import STATUS_ROW, State
from goleakprobe.trace.tallies import TimeBins, add_counts, add_pairs, grown

if TYPE_CHECKING:
    from goleakprobe.trace.columns import Transitions
    from goleakprobe.trace.decoder import Decoder

__all__ = ["Lifecycles"]

_STATES = len(State)
_MOVES = _STATES * _STATES
Longs = NDArray[np.int64]


class Lifecycles:
    """Statistics of one trace; add its generations in order.

    Times are the trace's own nanoseconds. The last generation's late statuses do not move the end
    of the window: it is the last real transition.
    """

    def __init__(self, decoder: Decoder) -> None:
        self.places = Places(decoder)
        self.living = Living.none()
        self.start_ns = 0
        self.end_ns = 0
        self.generations = 0
        self.gaps = 0
        self.vanished = 0
        """Goroutines that a later generation does not know though nothing ended them."""
        self.moves = np.zeros((1, _STATES, _STATES), np.int64)
        """Transitions by creation site, state before, state after."""
        self.time_in_state_ns = np.zeros((1, _STATES), np.float64)
        """Completed time by creation site and state."""
        self.created = TimeBins(1)
        self.exited = TimeBins(1)
        self.in_state = TimeBins(_STATES)
        """Changes of the number of goroutines in each state."""
        self.completed = np.zeros(1, np.int64)
        """Waits that ended, by blocking site; likewise the next three."""
        self.waited_ns = np.zeros(1, np.float64)
        self.longest_ns = np.zeros(1, np.int64)
        self.last_wake_ns = np.full(1, -1, np.int64)
        self.flows: dict[tuple[int, ...], list[int]] = {}
        """(creation site, blocking site) → [completed waits, nanoseconds]."""
        self.wakes: dict[tuple[int, ...], list[int]] = {}
        """(waker's creation site, waker's code, blocking site) → [wakes, unused]."""

    def add(self, part: Transitions) -> None:
        """Add the next generation."""
        if not len(part):
            return
        self.generations += 1
        self.gaps += part.after_gap
        time = part.time_ns.copy()
        acts = part.before != part.after
        if part.first:
            acts &= part.before != State.UNDETERMINED
        begin = int(time.min())
        if self.generations == 1:
            self.start_ns = begin
        last = int(time.take(np.flatnonzero(acts)).max(initial=begin))
        self.end_ns = max(self.end_ns, last)
        now = self._enter(part, time)
        waits_at, stack = self._waits(part, now)
        self._count_moves(part, now, time)
        self._count_waits(part, now, time, waits_at)
        self._leave(part, now, time, waits_at, stack)

    def _enter(self, part: Transitions, time: Longs) -> Living:
        """The generation's goroutines as it begins; first rows take the time their state began."""
        first = part.first_row
        count = len(first)
        row = self.living.find(part.goroutines)
        born = part.before.take(first) == State.NOT_EXIST
        known = (row >= 0) & ~born
        before = self.living
        self.vanished += len(before) - int(np.count_nonzero(known))
        now = Living(
            goroutine=part.goroutines,
            state=part.after.take(first),
            since_ns=np.full(count, self.start_ns),
            earlier=~born,
            waits_at=np.zeros(count, np.int64),
            stack=np.zeros(count, np.int32),
            created_at=np.zeros(count, np.int64),
            born_ns=np.where(born, time.take(first), -1),
            wakes=np.zeros(count, np.int64),
            woken_at=np.zeros(count, np.int64),
            wakers=np.full((count, REMEMBERED_WAKERS), NEVER, np.int64),
        )
        now.since_ns[born] = time[first[born]]
        old = row[known]
        for name in ("stack", "created_at", "born_ns", "wakes", "woken_at", "wakers", "waits_at"):
            getattr(now, name)[known] = getattr(before, name)[old]
        same = before.state[old] == now.state[known]
        now.since_ns[known] = np.where(same, before.since_ns[old], time.take(first[known]))
        now.earlier[known] = np.where(same, before.earlier[old], True)
        if part.after_gap:
            now.earlier[known] = True
        changed = np.flatnonzero(known)[~same]
        now.waits_at[changed] = NOWHERE
        if born.any():
            begins = first[born]
            starts = self.places.creation_numbers(part.stack[begins], part.start_stack[begins])
            now.created_at[born] = starts
        self._place_older(part, now, ~born & ~known)
        time[first] = now.since_ns
        return now

    def _place_older(self, part: Transitions, now: Living, unknown: NDArray[np.bool_]) -> None:
        """Goroutines older than the trace: their root function is all that tells their origin."""
        rows = np.flatnonzero(unknown | ((now.created_at == NOWHERE) & (now.born_ns < 0)))
        stacks = part.stack.take(part.first_row.take(rows))
        found, inverse = np.unique(stacks, return_inverse=True)
        numbers = [self.places.pre_existing(stack) for stack in found.tolist()]
        now.created_at[rows] = np.array(numbers, np.int64)[inverse] if len(rows) else 0

    def _waits(self, part: Transitions, now: Living) -> tuple[Longs, NDArray[np.int32]]:
        """Blocking site of every row that ends blocked (else NOWHERE), and its stack."""
        waits_at = np.zeros(len(part), np.int64)
        stack = part.stack.copy()
        blocked = part.after == State.WAITING
        first = part.first_row
        carried = now.waits_at != NOWHERE
        # A status tells neither reason nor, often, stack; the block before it told both.
        stack[first[carried]] = now.stack[carried]
        blocked[first[carried]] = False
        rows = np.flatnonzero(blocked)
        waits_at[rows] = self.places.blocking_numbers(stack.take(rows), part.reason.take(rows))
        waits_at[first[carried]] = now.waits_at[carried]
        return waits_at, stack

    def _count_moves(self, part: Transitions, now: Living, time: Longs) -> None:
        sites = len(self.places.creation)
        self.moves = grown(self.moves, sites)
        self.time_in_state_ns = grown(self.time_in_state_ns, sites)
        move = part.before * np.uint8(_STATES)
        move += part.after
        key = np.repeat(now.created_at * _MOVES, part.row_count)
        key += move
        moved = np.bincount(key, minlength=sites * _MOVES).reshape(-1, _STATES, _STATES)
        # Statuses move nothing.
        moved[:, State.UNDETERMINED] = 0
        moved[:, range(_STATES), range(_STATES)] = 0
        self.moves[:sites] += moved
        lasting = np.diff(time)
        np.maximum(lasting, 0, out=lasting)
        lasting[part.first_row[1:] - 1] = 0
        lasted = np.bincount(key[:-1], lasting.astype(np.float64), sites * _MOVES)
        self.time_in_state_ns[:sites] += lasted.reshape(-1, _STATES, _STATES).sum(axis=1)
        since_start = time - self.start_ns
        for state, counted, bins in (
            (State.NOT_EXIST, part.before, self.created),
            (State.NOT_EXIST, part.after, self.exited),
        ):
            rows = np.flatnonzero(counted == state)
            bins.add(since_start.take(rows), key.take(rows) // _MOVES)
        at = self.in_state.bins_of(since_start)
        at *= _MOVES
        at += move
        changes = np.bincount(at, minlength=len(self.in_state.counts) * _MOVES)
        changes = changes.reshape(-1, _STATES, _STATES)
        # A goroutine older than the trace is in its state from the start and left none for it.
        self.in_state.counts += changes.sum(axis=1)
        changes[:, State.UNDETERMINED] = 0
        self.in_state.counts -= changes.sum(axis=2)

    def _count_waits(self, part: Transitions, now: Living, time: Longs, waits_at: Longs) -> None:
        ends = np.flatnonzero((part.before == State.WAITING) & (part.kind < STATUS_ROW))
        # A wake is never a goroutine's first row: its status or block is above it.
        above = ends - 1
        where = waits_at.take(above)
        wake_ns = time.take(ends)
        lasted = wake_ns - time.take(above)
        np.maximum(lasted, 0, out=lasted)
        count = len(part.first_row)
        wakes = np.diff(np.searchsorted(ends, part.first_row), append=len(ends))
        member = np.repeat(np.arange(count), wakes)
        created_at = now.created_at.take(member)
        waker_code = self.places.waker_numbers(part.stack.take(ends))
        places = len(self.places.blocking)
        for name in ("completed", "waited_ns", "longest_ns"):
            setattr(self, name, grown(getattr(self, name), places))
        if len(self.last_wake_ns) < places:
            missing = np.full(places - len(self.last_wake_ns), -1, np.int64)
            self.last_wake_ns = np.append(self.last_wake_ns, missing)
        add_counts(self.completed, where)
        add_counts(self.waited_ns, where, lasted.astype(np.float64))
        np.maximum.at(self.longest_ns, where, lasted)
        np.maximum.at(self.last_wake_ns, where, wake_ns)
        sites = len(self.places.creation)
        add_pairs(self.flows, (created_at, where), (sites, places), lasted)
        actor = part.actor.take(ends)
        # Who is not there is -1, the last: of no known origin.
        origin = np.append(now.created_at, NOWHERE)
        waker_site = origin[dense_positions(part.goroutines, actor)]
        add_pairs(self.wakes, (waker_site, waker_code, where), (sites, places, places))
        site = waits_at.take(part.first_row + part.row_count - 1)
        # Who does not wait now is remembered by where it waited last.
        last_site = now.woken_at.copy()
        last_site[member] = where
        now.turn_to(np.where(site != NOWHERE, site, last_site))
        now.remember_wakers(member, where, actor)

    def _leave(
        self,
        part: Transitions,
        now: Living,
        time: Longs,
        waits_at: Longs,
        stack: NDArray[np.int32],
    ) -> None:
        last = part.first_row + part.row_count - 1
        moved = part.row_count > 1
        now.state = part.after.take(last)
        now.since_ns = time.take(last)
        now.earlier &= ~moved
        now.waits_at = waits_at.take(last)
        now.stack = stack.take(last)
        self.living = now.keep(now.state != State.NOT_EXIST)
