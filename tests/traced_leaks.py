"""Traces of small programs that leak, written by hand."""

from __future__ import annotations

from goleakprobe.trace.wire import Event
from trace_builder import TraceBuilder, event

RUNNING, WAITING = 2, 4
_TICKS_A_SECOND = 15_625_000
_LEAKER, _STARTER = 1, 2
LEAKER = "example.com/shop.(*till).total"
SENDER = LEAKER + ".func1"


def leaky_trace(
    *, leaks: int = 30, first: int = 100, older: int = 0, generations: int = 1, version: int = 26
) -> bytes:
    """One second a generation in which ``leaks`` goroutines block for ever on a send.

    Goroutine ids count up from ``first``; ``older`` goroutines below them leaked before.
    """
    trace = TraceBuilder(version)
    for number in range(generations):
        _second(trace, number, leaks, first + number * leaks, older + number * leaks)
    return trace.data


def _second(trace: TraceBuilder, second: int, leaks: int, first: int, older: int) -> None:
    begin = 1000 + second * _TICKS_A_SECOND
    send = ("runtime.chansend1", SENDER)
    parked = trace.stack("runtime.gopark", "runtime.chansend", *send)
    creating = [event(Event.GO_STATUS, 1, _LEAKER, 1, RUNNING)]
    creating += [
        event(Event.GO_STATUS_STACK, 1, goroutine, 2**64 - 1, WAITING, parked)
        for goroutine in range(first - older, first)
    ]
    starting = []
    step = _TICKS_A_SECOND // (leaks + 1)
    for number in range(leaks):
        goroutine = first + number
        code = trace.stack(SENDER), trace.stack(LEAKER, "main.serve", line=33)
        wait = trace.string("chan send"), trace.stack(*send)
        creating.append(event(Event.GO_CREATE, step, goroutine, *code))
        starting.append(event(Event.GO_START, step, goroutine, 1))
        starting.append(event(Event.GO_BLOCK, 0, *wait))
    creating.append(event(Event.GO_STOP, step // 2, trace.string("runtime.Gosched"), 0))
    trace.thread(_LEAKER, begin, *creating)
    trace.thread(_STARTER, begin + 10, *starting)
    trace.generation()
