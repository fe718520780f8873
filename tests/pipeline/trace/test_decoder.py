"""The decoder gives the transitions of a plain reading of the bytes, however they arrive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from goleakprobe.trace.decoder import Decoder, decode
from goleakprobe.trace.engines import NumpyEngine
from goleakprobe.trace.errors import EngineUnavailableError
from goleakprobe.trace.states import State
from goleakprobe.trace.wire import NO_THREAD, Event
from trace_builder import TraceBuilder, event
from trace_reference import reference_rows
from trace_simulator import Simulator

operations = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 2), st.integers(0, 9)), max_size=300
)
versions = st.sampled_from([22, 23, 25, 26])


def columns(data: bytes, engine: str, chunk: int = 1 << 20):
    decoder, generations = decode(
        (data[at : at + chunk] for at in range(0, len(data), chunk)), engine=engine
    )
    return decoder, list(generations)


def as_reference(decoder: Decoder, data: bytes) -> list[list[tuple]]:
    """Reference rows with the decoder's interned stacks as texts, times in nanoseconds."""
    answer = []
    for rows in reference_rows([data]):
        answer.append(
            [(row.goroutine, row.time * 64, row.before, row.after, row.actor) for row in rows]
        )
    return [rows for rows in answer if rows]


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(operations=operations, version=versions, chunk=st.integers(1, 400))
def test_rows_equal_a_plain_reading(engine, operations, version, chunk):
    data = Simulator(version).run(operations)
    decoder, generations = columns(data, engine, chunk)
    assert not decoder.damages
    ours = [
        list(
            zip(
                part.goroutine.tolist(),
                part.time_ns.tolist(),
                part.before.tolist(),
                part.after.tolist(),
                part.actor.tolist(),
                strict=True,
            )
        )
        for part in generations
    ]
    assert ours == as_reference(decoder, data)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(operations=operations, version=versions)
def test_reasons_and_stacks_equal_a_plain_reading(engine, operations, version):
    """Local ids of the reference, ours interned: equal ids must mean equal texts, one to one."""
    data = Simulator(version).run(operations)
    _, generations = columns(data, engine)
    for part, rows in zip(generations, [one for one in reference_rows([data]) if one], strict=True):
        for name in ("reason", "stack", "start_stack"):
            theirs = [getattr(row, name) for row in rows]
            pairs = set(zip(getattr(part, name).tolist(), theirs, strict=True))
            assert (
                len({ours for ours, _ in pairs})
                == len({theirs for _, theirs in pairs})
                == len(pairs)
            )
            assert all((ours == 0) == (theirs == 0) for ours, theirs in pairs)


@settings(max_examples=60, deadline=None)
@given(operations=operations, version=versions, piece=st.sampled_from([1, 20, 100]))
@example(operations=[(0, 0, 8)], version=22, piece=1).via("a piece of fewer numbers than a head")
def test_pieces_of_any_size_give_the_same_rows(operations, version, piece):
    """What a thread runs at a piece's end is carried to the next piece."""
    data = Simulator(version).run(operations)
    _, whole = columns(data, "numpy")
    decoder = Decoder()
    decoder._engine = NumpyEngine(piece_bytes=piece)
    cut = [*decoder.feed(data), *decoder.finish()]
    assert len(whole) == len(cut)
    for one, other in zip(whole, cut, strict=True):
        for name in ("goroutine", "time_ns", "kind", "before", "after", "stack", "actor"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_a_long_trace_goes_through_the_lanes(engine):
    """Enough events that event starts are found by lanes, with ids and times of every length."""
    rng = np.random.default_rng(5)
    steps = [tuple(row) for row in rng.integers(0, [12, 3, 10], (14000, 3)).tolist() if row[0] != 8]
    data = Simulator(26, step=1_000_003).run(steps)
    decoder, generations = columns(data, engine)
    assert decoder.event_count > 4096
    assert [len(part) for part in generations] == [
        len(rows) for rows in as_reference(decoder, data)
    ]
    assert not decoder.damages


def test_a_lifecycle_reads_as_it_was_written(engine):
    trace = TraceBuilder()
    worker, spawn = trace.stack("main.worker"), trace.stack("main.spawn", "main.main")
    blocked = trace.stack("runtime.chansend1", "main.worker")
    trace.thread(
        7,
        1000,
        event(Event.GO_STATUS, 1, 1, 7, 2),
        event(Event.GO_CREATE, 1, 2, worker, spawn),
        event(Event.GO_STOP, 1, trace.string("runtime.Gosched"), 0),
        event(Event.GO_START, 1, 2, 1),
        event(Event.GO_BLOCK, 1, trace.string("chan send"), blocked),
    )
    decoder, [part] = columns(trace.generation().data, engine)
    mine = part.goroutine == 2
    assert part.after[mine].tolist() == [State.RUNNABLE, State.RUNNING, State.WAITING]
    assert part.before[mine][0] == State.NOT_EXIST
    assert np.diff(part.time_ns[mine]).tolist() == [128, 64]
    assert decoder.reasons[part.reason[mine][-1]] == "chan send"
    assert decoder.stacks.frames[part.stack[mine][-1]][1].function == "main.worker"
    assert decoder.stacks.frames[part.start_stack[mine][0]][0].function == "main.worker"
    assert part.actor[mine].tolist() == [1, -1, 2]


def test_stacks_are_interned_over_generations(engine):
    trace = TraceBuilder()
    for number in range(3):
        for unrelated in range(number):
            trace.stack(f"main.other{unrelated}")
        stack = trace.stack("runtime.gopark", "main.wait")
        trace.thread(1, number * 100, event(Event.GO_STATUS_STACK, 1, 5, NO_THREAD, 4, stack))
        trace.generation()
    _, parts = columns(trace.data, engine)
    assert len({int(part.stack[0]) for part in parts}) == 1


@pytest.mark.parametrize("frequency", [15_625_000, 3_000_000_000, 1_000])
def test_times_are_nanoseconds_of_any_clock(engine, frequency):
    trace = TraceBuilder(frequency=frequency)
    trace.thread(1, frequency, event(Event.GO_STATUS, frequency, 1, 1, 2))
    _, [part] = columns(trace.generation().data, engine)
    assert part.time_ns.tolist() == [2_000_000_000]


def test_the_clock_snapshot_ties_trace_time_to_the_wall(engine):
    trace = TraceBuilder(25)
    trace.thread(1, 0, event(Event.GO_STATUS, 1, 1, 1, 2))
    _, [part] = columns(trace.generation().data, engine)
    assert part.clock == (11 * 64, 1000, 1_700_000_000 * 10**9 + 5)


def test_cpu_samples_are_columns(engine):
    trace = TraceBuilder()
    stack = trace.stack("main.burn")
    sample = event(Event.CPU_SAMPLE, 500, 1, 0, 9, stack) + event(Event.CPU_SAMPLE, 600, 1, 0, 0, 0)
    trace.thread(1, 0, event(Event.GO_STATUS, 1, 9, 1, 2))
    trace.thread(NO_THREAD, 0, bytes([Event.CPU_SAMPLES]), sample)
    decoder, [part] = columns(trace.generation().data, engine)
    assert part.samples.goroutine.tolist() == [9, -1]
    assert part.samples.time_ns.tolist() == [500 * 64, 600 * 64]
    assert decoder.stacks.frames[part.samples.stack[0]][0].function == "main.burn"


def test_allocation_experiment_events_are_passed_over(engine):
    trace = TraceBuilder()
    trace.thread(
        1,
        100,
        event(131, 300, 1 << 40, 7),
        event(Event.GO_STATUS, 1, 9, 1, 2),
        event(136, 1, 1),
        event(128, 0, 1, 2, 3),
    )
    decoder, [part] = columns(trace.generation().data, engine)
    assert decoder.event_count == 4
    assert part.time_ns.tolist() == [401 * 64]


def test_a_switch_is_three_transitions(engine):
    trace = TraceBuilder()
    trace.thread(
        1,
        0,
        event(Event.GO_STATUS, 1, 1, 1, 2),
        event(Event.GO_CREATE_BLOCKED, 1, 2, 0, 0),
        event(Event.GO_SWITCH, 1, 2, 1),
        event(Event.GO_SWITCH_DESTROY, 1, 1, 1),
    )
    _, [part] = columns(trace.generation().data, engine)
    assert part.goroutine.tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    first, second = part.after[:4].tolist(), part.after[4:].tolist()
    assert first == [State.RUNNING, State.WAITING, State.RUNNABLE, State.RUNNING]
    assert second == [State.WAITING, State.RUNNABLE, State.RUNNING, State.NOT_EXIST]
    assert part.actor.tolist()[1:4] == [1, 2, -1]


def test_the_fast_engine_says_what_to_install(monkeypatch):
    monkeypatch.setattr("goleakprobe.trace.engines.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailableError, match=r"go-leak-probe\[fast\]"):
        Decoder(engine="fast")
    assert isinstance(Decoder(engine="auto")._engine, NumpyEngine)
