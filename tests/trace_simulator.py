"""A make-believe scheduler that writes valid traces from any list of numbers, for properties."""

from __future__ import annotations

from goleakprobe.trace.wire import NO_THREAD, Event
from trace_builder import TraceBuilder, event

RUNNABLE, RUNNING, SYSCALL, WAITING = 1, 2, 3, 4
THREADS = 3
REASONS = ("chan send", "select", "sync", "a reason nobody knows")


class Simulator:
    """Interprets (operation, thread, choice) triples; those that make no sense are passed over."""

    def __init__(self, version: int, step: int = 37) -> None:
        self.builder = TraceBuilder(version)
        self.version = version
        self.step = step
        self.states: dict[int, int] = {1: RUNNABLE}
        self.on: list[int | None] = [None] * THREADS
        self.next_goroutine = 2
        self.clock = 1000
        self._begin()

    def _begin(self) -> None:
        self.sequence: dict[int, int] = {}
        self.streams: list[list[bytes]] = [[] for _ in range(THREADS)]
        self.last = [self.clock] * THREADS

    def run(self, operations: list[tuple[int, int, int]]) -> bytes:
        for operation, thread, choice in operations:
            self.clock += self.step
            self._do(operation, thread % THREADS, choice)
        self._end_generation()
        return self.builder.data

    def _do(self, operation: int, thread: int, choice: int) -> None:
        here = self.on[thread]
        if operation == 0:
            self._create(thread, choice)
        elif operation == 1:
            self._start(thread, choice)
        elif operation in (2, 3, 6) and here is not None and self.states[here] == RUNNING:
            self._leave(thread, here, operation, choice)
        elif operation == 4:
            self._unblock(thread, choice)
        elif operation == 5 and here is not None:
            self._syscall(thread, here, choice)
        elif operation == 7 and self.version >= 23:
            self._switch(thread, choice)
        elif operation == 8 and choice % 4 == 0:
            self._end_generation()
        elif operation == 9:
            self._flush(thread)
        elif operation == 10:
            self._emit(thread, Event.HEAP_ALLOC, choice << (choice % 7 * 8))
        elif operation == 11:
            self._emit(thread, Event.GC_BEGIN, choice, 0)

    def _emit(self, thread: int, kind: int, *arguments: int) -> None:
        here = self.on[thread]
        if here is not None and here not in self.sequence:
            self._status(thread, here)
        self._write(thread, kind, *arguments)

    def _write(self, thread: int, kind: int, *arguments: int) -> None:
        self.streams[thread].append(event(kind, self.clock - self.last[thread], *arguments))
        self.last[thread] = self.clock

    def _status(self, thread: int, goroutine: int) -> None:
        """The runtime tells a goroutine's state before the first event that names it."""
        self.sequence[goroutine] = 0
        state = self.states[goroutine]
        on = thread if self.on[thread] == goroutine else NO_THREAD
        if self.version >= 23 and state == WAITING and goroutine % 2:
            stack = self.builder.stack("runtime.gopark", "main.wait")
            self._write(thread, Event.GO_STATUS_STACK, goroutine, on, state, stack)
        else:
            self._write(thread, Event.GO_STATUS, goroutine, on, state)

    def _named(self, thread: int, goroutine: int) -> int:
        here = self.on[thread]
        if here is not None and here not in self.sequence:
            self._status(thread, here)
        if goroutine not in self.sequence:
            self._status(thread, goroutine)
        self.sequence[goroutine] += 1
        return self.sequence[goroutine]

    def _pick(self, state: int, choice: int) -> int | None:
        fit = [goroutine for goroutine, now in self.states.items() if now == state]
        return fit[choice % len(fit)] if fit else None

    def _create(self, thread: int, choice: int) -> None:
        goroutine = self.next_goroutine
        self.next_goroutine += 1 + (choice == 9) * (1 << 33)
        start = self.builder.stack(f"main.worker{choice}")
        creator = self.builder.stack("main.spawn", "main.main") if choice % 2 else 0
        if choice == 8 and self.on[thread] is None:
            self._emit(thread, Event.GO_CREATE_SYSCALL, goroutine)
            self.states[goroutine] = SYSCALL
            self.on[thread] = goroutine
        elif choice == 7 and self.version >= 23:
            self._emit(thread, Event.GO_CREATE_BLOCKED, goroutine, start, creator)
            self.states[goroutine] = WAITING
        else:
            self._emit(thread, Event.GO_CREATE, goroutine, start, creator)
            self.states[goroutine] = RUNNABLE
        self.sequence[goroutine] = 0

    def _start(self, thread: int, choice: int) -> None:
        goroutine = self._pick(RUNNABLE, choice)
        if goroutine is None or self.on[thread] is not None:
            return
        sequence = self._named(thread, goroutine)
        self._emit(thread, Event.GO_START, goroutine, sequence)
        self.on[thread] = goroutine
        self.states[goroutine] = RUNNING

    def _leave(self, thread: int, here: int, operation: int, choice: int) -> None:
        reason = self.builder.string(REASONS[choice % len(REASONS)])
        stack = self.builder.stack("runtime.gopark", f"main.wait{choice % 3}")
        if operation == 6:
            self._emit(thread, Event.GO_DESTROY)
            del self.states[here]
        else:
            kind = Event.GO_BLOCK if operation == 2 else Event.GO_STOP
            self._emit(thread, kind, reason, stack)
            self.states[here] = WAITING if operation == 2 else RUNNABLE
        self.on[thread] = None

    def _unblock(self, thread: int, choice: int) -> None:
        goroutine = self._pick(WAITING, choice)
        here = self.on[thread]
        if goroutine is None or (here is not None and self.states[here] != RUNNING):
            return
        sequence = self._named(thread, goroutine)
        stack = self.builder.stack("main.wake") if here is not None else 0
        self._emit(thread, Event.GO_UNBLOCK, goroutine, sequence, stack)
        self.states[goroutine] = RUNNABLE

    def _syscall(self, thread: int, here: int, choice: int) -> None:
        if self.states[here] == RUNNING:
            self._emit(thread, Event.GO_SYSCALL_BEGIN, 1, self.builder.stack("syscall.read"))
            self.states[here] = SYSCALL
        elif choice % 3 == 0:
            self._emit(thread, Event.GO_SYSCALL_END_BLOCKED)
            self.states[here] = RUNNABLE
            self.on[thread] = None
        elif choice % 3 == 1 and choice > 6:
            self._emit(thread, Event.GO_DESTROY_SYSCALL)
            del self.states[here]
            self.on[thread] = None
        else:
            self._emit(thread, Event.GO_SYSCALL_END)
            self.states[here] = RUNNING

    def _switch(self, thread: int, choice: int) -> None:
        here, goroutine = self.on[thread], self._pick(WAITING, choice)
        if here is None or goroutine is None or self.states[here] != RUNNING:
            return
        sequence = self._named(thread, goroutine)
        kind = Event.GO_SWITCH_DESTROY if choice % 5 == 0 else Event.GO_SWITCH
        self._emit(thread, kind, goroutine, sequence)
        if kind == Event.GO_SWITCH:
            self.states[here] = WAITING
        else:
            del self.states[here]
        self.states[goroutine] = RUNNING
        self.on[thread] = goroutine

    def _flush(self, thread: int) -> None:
        if self.streams[thread]:
            begin = self.last[thread] - sum(_delta(one) for one in self.streams[thread])
            self.builder.thread(thread, begin, *self.streams[thread])
            self.streams[thread] = []

    def _end_generation(self) -> None:
        for thread in range(THREADS):
            self._flush(thread)
        rest = [goroutine for goroutine in self.states if goroutine not in self.sequence]
        statuses = []
        for goroutine in rest:
            on = self.on.index(goroutine) if goroutine in self.on else NO_THREAD
            statuses.append(event(Event.GO_STATUS, 1, goroutine, on, self.states[goroutine]))
        if statuses:
            self.builder.thread(NO_THREAD, self.clock, *statuses)
        self.builder.generation()
        self.clock += self.step
        self._begin()


def _delta(one: bytes) -> int:
    value = shift = 0
    for byte in one[1:]:
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7
    raise AssertionError("an event without a time")
