"""Statistics equal a brute-force walk over every goroutine's life."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goleakprobe.trace.decoder import Decoder
from goleakprobe.trace.lifecycles import Lifecycles
from goleakprobe.trace.states import State
from goleakprobe.trace.summary import summarise
from goleakprobe.trace.wire import NO_THREAD, Event
from trace_builder import TraceBuilder, event
from trace_reference import reference_rows
from trace_simulator import Simulator

operations = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 9)), max_size=300
)


def lives_of(data: bytes) -> tuple[Decoder, Lifecycles]:
    decoder = Decoder()
    lives = Lifecycles(decoder)
    for part in [*decoder.feed(data), *decoder.finish()]:
        lives.add(part)
    return decoder, lives


@settings(max_examples=60, deadline=None)
@given(operations=operations, version=st.sampled_from([22, 23, 25, 26]))
def test_counts_and_times_equal_a_walk(operations, version):
    data = Simulator(version).run(operations)
    _, lives = lives_of(data)
    created = exited = waits = 0
    waited: dict[int, int] = defaultdict(int)
    moves: Counter[tuple[int, int]] = Counter()
    alive: dict[int, tuple[int, int]] = {}
    generations = [rows for rows in reference_rows([data]) if rows]
    start = min((row.time * 64 for rows in generations[:1] for row in rows), default=0)
    for rows in generations:
        for row in rows:
            now, before = row.time * 64, alive.get(row.goroutine)
            if row.before in (row.after, State.UNDETERMINED):
                alive.setdefault(row.goroutine, (row.after, start))
                continue
            moves[row.before, row.after] += 1
            created += row.before == State.NOT_EXIST
            if before is not None:
                waited[before[0]] += max(0, now - before[1])
                waits += row.before == State.WAITING
            alive[row.goroutine] = (row.after, now)
            if row.after == State.NOT_EXIST:
                exited += 1
                del alive[row.goroutine]
    assert lives.vanished == 0
    assert dict(zip(lives.living.goroutine.tolist(), lives.living.state.tolist(), strict=True)) == {
        goroutine: state for goroutine, (state, _) in sorted(alive.items())
    }
    assert {goroutine: since for goroutine, (_, since) in sorted(alive.items())} == dict(
        zip(lives.living.goroutine.tolist(), lives.living.since_ns.tolist(), strict=True)
    )
    assert int(lives.created.counts.sum()) == created
    assert int(lives.exited.counts.sum()) == exited
    assert int(lives.completed.sum()) == waits
    for state in State:
        assert int(lives.time_in_state_ns[:, state].sum()) == waited[state]
        for after in State:
            assert int(lives.moves[:, state, after].sum()) == moves[state, after]
    counts = lives.in_state.counts.sum(axis=0)
    ended = Counter(state for state, _ in alive.values())
    assert {state: int(counts[state]) for state in ended} == dict(ended)


def test_a_wait_begun_before_the_trace_joins_one_begun_in_it():
    """The status shows gopark's stack, the block the channel's; both are the same place."""
    trace = TraceBuilder()
    status = trace.stack("runtime.gopark", "runtime.chansend", "runtime.chansend1", "main.leak")
    block = trace.stack("runtime.chansend1", "main.leak")
    trace.thread(
        1,
        0,
        event(Event.GO_STATUS_STACK, 1, 5, NO_THREAD, 4, status),
        event(Event.GO_STATUS, 1, 1, 1, 2),
        event(Event.GO_CREATE, 1, 6, 0, 0),
        event(Event.GO_STOP, 1, 0, 0),
        event(Event.GO_START, 1, 6, 1),
        event(Event.GO_BLOCK, 1, trace.string("chan send"), block),
    )
    decoder, lives = lives_of(trace.generation().data)
    window = summarise(decoder, lives)
    [site] = [one for one in window.blocking_sites if one.open]
    assert (site.wait, site.open, site.open_earlier) == ("chan send", 2, 1)
    assert site.site == "main.leak main.go:1"


def test_a_gap_makes_what_is_carried_uncertain():
    trace = TraceBuilder(22)
    for _ in range(3):
        trace.thread(1, trace.number * 1000, event(Event.GO_STATUS, 1, 1, 1, 2))
        trace.thread(NO_THREAD, 0, event(Event.GO_STATUS, 1, 9, NO_THREAD, 4))
        if trace.number == 2:
            trace.thread(2, 0, b"\x63\x63")
        trace.generation()
    _, lives = lives_of(trace.data)
    assert lives.gaps == 1
    assert lives.living.earlier.all()


def test_a_goroutine_that_a_later_generation_does_not_know_is_counted_not_kept():
    trace = TraceBuilder()
    trace.thread(1, 0, event(Event.GO_STATUS, 1, 1, 1, 2), event(Event.GO_CREATE, 1, 2, 0, 0))
    trace.generation().thread(1, 9, event(Event.GO_STATUS, 1, 1, 1, 2)).generation()
    _, lives = lives_of(trace.data)
    assert lives.vanished == 1
    assert lives.living.goroutine.tolist() == [1]


@pytest.mark.parametrize("generations", [1, 700])
def test_memory_of_the_past_is_bounded(generations):
    """A long trace has no more time bins than a short one."""
    trace = TraceBuilder()
    for number in range(generations):
        trace.thread(
            1,
            number * 15_625_000,
            event(Event.GO_STATUS, 1, 1, 1, 2),
            event(Event.GO_CREATE, 1, 100 + number, 0, 0),
            event(Event.GO_STOP, 1, 0, 0),
            event(Event.GO_START, 1, 100 + number, 1),
            event(Event.GO_DESTROY, 1),
        )
        trace.generation()
    _, lives = lives_of(trace.data)
    assert lives.created.counts.shape[0] == 384
    length = lives.end_ns - lives.start_ns
    place = [site.start for site in lives.places.creation].index("")
    thirds = lives.created.thirds(length, place)
    assert sum(thirds) == generations
    if generations > 1:
        assert max(thirds) - min(thirds) < 0.05 * generations
