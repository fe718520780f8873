"""The decoder's executable specification: a plain loop, nothing clever, for tests alone.

Follows each thread's current goroutine, then sorts rows by (goroutine, sequence number of the
stretch they belong to, place in the thread's stream). It shares the framing and the tables with the
product; what it checks is everything from event bytes to ordered rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from goleakprobe.trace.damage import DamageLog
from goleakprobe.trace.framing import Framer
from goleakprobe.trace.generation import Generation
from goleakprobe.trace.limits import Limits
from goleakprobe.trace.states import State
from goleakprobe.trace.varints import read_varint
from goleakprobe.trace.wire import ARGUMENT_COUNTS, EXPERIMENTAL_ARGUMENT_COUNTS, Event


class ReferenceRow(NamedTuple):
    goroutine: int
    sequence: int
    place: float
    time: int
    before: int
    after: int
    reason: int
    stack: int
    start_stack: int
    actor: int


class _Thread:
    def __init__(self) -> None:
        self.goroutine = -1
        self.sequence = 0


STATES = {1: State.RUNNABLE, 2: State.RUNNING, 3: State.SYSCALL, 4: State.WAITING}
LOCAL = {
    Event.GO_STOP: (State.RUNNING, State.RUNNABLE, True),
    Event.GO_BLOCK: (State.RUNNING, State.WAITING, True),
    Event.GO_DESTROY: (State.RUNNING, State.NOT_EXIST, True),
    Event.GO_DESTROY_SYSCALL: (State.SYSCALL, State.NOT_EXIST, True),
    Event.GO_SYSCALL_BEGIN: (State.RUNNING, State.SYSCALL, False),
    Event.GO_SYSCALL_END: (State.SYSCALL, State.RUNNING, False),
    Event.GO_SYSCALL_END_BLOCKED: (State.SYSCALL, State.RUNNABLE, True),
}
ARGUMENTS = ARGUMENT_COUNTS | EXPERIMENTAL_ARGUMENT_COUNTS


def reference_rows(chunks: Iterable[bytes]) -> list[list[ReferenceRow]]:
    """Ordered rows of each generation; local string and stack ids, trace units.

    For whole traces only: raises on anything odd.
    """
    damage = DamageLog(10)
    framer = Framer(Limits(), damage)
    generations = [one for chunk in chunks for one in framer.feed(chunk)]
    generations += framer.finish()
    assert not damage.count, damage.damages
    return [rows_of(generation) for generation in generations]


def rows_of(generation: Generation) -> list[ReferenceRow]:
    rows: list[ReferenceRow] = []
    threads: dict[int, _Thread] = {}
    place = 0
    for batch in generation.batches:
        thread = threads.setdefault(batch.thread, _Thread())
        time, at = batch.time, 0
        while at < len(batch.data):
            kind = batch.data[at]
            count = ARGUMENTS[kind]
            arguments = []
            at += 1
            for _ in range(count):
                value, at = read_varint(batch.data, at, len(batch.data))
                arguments.append(value)
            time += arguments[0]
            place += 1
            step(rows, generation, thread, batch.thread, kind, arguments, place, time)
    rows.sort()
    return rows


def step(
    rows: list[ReferenceRow],
    generation: Generation,
    thread: _Thread,
    number: int,
    kind: int,
    args: list[int],
    place: int,
    time: int,
) -> None:
    def add(
        goroutine: int,
        sequence: int,
        before: int,
        after: int,
        actor: int,
        reason: int = 0,
        stack: int = 0,
        start: int = 0,
        shift: float = 0,
    ) -> None:
        row = (goroutine, sequence, place + shift, time, before, after, reason, stack, start, actor)
        rows.append(ReferenceRow(*row))

    here, seq = thread.goroutine, thread.sequence
    if kind in LOCAL:
        before, after, leaves = LOCAL[Event(kind)]
        assert here != -1
        reason = args[1] if kind in (Event.GO_STOP, Event.GO_BLOCK) else 0
        stacked = kind in (Event.GO_STOP, Event.GO_BLOCK, Event.GO_SYSCALL_BEGIN)
        add(here, seq, before, after, here, reason, args[2] if stacked else 0)
        if leaves:
            thread.goroutine = -1
    elif kind in (Event.GO_CREATE, Event.GO_CREATE_BLOCKED):
        after = State.RUNNABLE if kind == Event.GO_CREATE else State.WAITING
        add(args[1], 0, State.NOT_EXIST, after, here, 0, args[3], args[2])
    elif kind == Event.GO_CREATE_SYSCALL:
        add(args[1], 0, State.NOT_EXIST, State.SYSCALL, here)
        thread.goroutine, thread.sequence = args[1], 0
    elif kind == Event.GO_START:
        add(args[1], args[2], State.RUNNABLE, State.RUNNING, here)
        thread.goroutine, thread.sequence = args[1], args[2]
    elif kind == Event.GO_UNBLOCK:
        add(args[1], args[2], State.WAITING, State.RUNNABLE, here, 0, args[3])
    elif kind in (Event.GO_STATUS, Event.GO_STATUS_STACK):
        state = STATES[args[3]]
        stack = args[4] if kind == Event.GO_STATUS_STACK else 0
        add(args[1], 0, State.UNDETERMINED if generation.first else state, state, here, 0, stack)
        if args[3] == 2 or (args[3] == 3 and args[2] == number):
            thread.goroutine, thread.sequence = args[1], 0
    elif kind in (Event.GO_SWITCH, Event.GO_SWITCH_DESTROY):
        after = State.WAITING if kind == Event.GO_SWITCH else State.NOT_EXIST
        add(args[1], args[2], State.WAITING, State.RUNNABLE, here)
        add(here, seq, State.RUNNING, after, here, shift=0.1)
        add(args[1], args[2], State.RUNNABLE, State.RUNNING, -1, shift=0.2)
        thread.goroutine, thread.sequence = args[1], args[2]
