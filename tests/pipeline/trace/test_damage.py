"""Cut, corrupted and hostile traces: what is whole is used, the rest reported, no crash."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goleakprobe.trace.decoder import Decoder
from goleakprobe.trace.errors import NotATraceError, UnsupportedVersionError
from goleakprobe.trace.limits import Limits
from goleakprobe.trace.wire import NO_THREAD, Event
from trace_builder import TraceBuilder, batch, event, header, uv
from trace_simulator import Simulator


def read(data: bytes, engine: str = "numpy", limits: Limits | None = None):
    decoder = Decoder(limits, engine=engine)
    return decoder, [*decoder.feed(data), *decoder.finish()]


def three_generations(version: int = 26) -> bytes:
    operations = [
        (int(a), int(b), int(c))
        for a, b, c in np.random.default_rng(1).integers(0, [8, 3, 10], (400, 3))
    ]
    for at in (120, 260):
        operations.insert(at, (8, 0, 0))
    return Simulator(version).run(operations)


def one_goroutine(*more: bytes, version: int = 26) -> bytes:
    trace = TraceBuilder(version).thread(1, 0, event(Event.GO_STATUS, 1, 1, 1, 2), *more)
    return trace.generation().data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x1f\x8b" + bytes(30), "gzip"),
        (b"<!doctype html>  ", "text"),
        (b"", "nothing"),
        (b"go 1.26 tra", "go 1.26 tra"),
        (b"go 1.26 trice\0\0\0", "trice"),
    ],
)
def test_what_is_no_trace_is_refused_by_what_it_is(data, words):
    with pytest.raises(NotATraceError, match=words):
        read(data)


@pytest.mark.parametrize("minor", [5, 11, 19, 21, 24, 27, 99])
def test_unknown_versions_are_refused_by_name(minor):
    with pytest.raises(UnsupportedVersionError, match=rf"1\.{minor} "):
        read((b"go 1.%d trace" % minor).ljust(16, b"\0"))


@pytest.mark.parametrize("version", [22, 23, 25, 26])
def test_a_cut_trace_gives_its_whole_generations(version, engine):
    data = three_generations(version)
    _, whole = read(data)
    assert len(whole) == 3
    for end in range(17, len(data), 53):
        decoder, parts = read(data[:end], engine)
        for part, original in zip(parts, whole, strict=False):
            assert np.array_equal(part.kind, original.kind)
            assert np.array_equal(part.stack, original.stack)
        assert decoder.lost_bytes <= end
        used = sum(part.byte_count for part in parts)
        assert decoder.damages or end - used < 200, "bytes were lost and nobody said so"


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    version=st.sampled_from([22, 23, 25, 26]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    cut=st.floats(0.5, 1),
)
def test_no_corruption_raises_or_loses_count(engine, version, flips, cut):
    data = bytearray(three_generations(version))
    for where, value in flips:
        data[16 + int(where * (len(data) - 16))] = value
    decoder, parts = read(bytes(data[: 16 + int(cut * (len(data) - 16))]), engine)
    for part in parts:
        assert part.row_count.sum() == len(part)
        assert np.array_equal(np.repeat(part.goroutines, part.row_count), part.goroutine)
        assert part.after.max(initial=0) <= 5
        assert part.stack.max(initial=0) < len(decoder.stacks)
        assert part.reason.max(initial=0) < len(decoder.reasons)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=300), version=st.sampled_from([22, 23, 25, 26]))
def test_any_bytes_after_a_header_are_damage_at_worst(engine, data, version):
    read(header(version) + data, engine)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200))
def test_any_bytes_in_an_event_batch_are_damage_at_worst(engine, data):
    trace = TraceBuilder().thread(1, 0, event(Event.GO_STATUS, 1, 1, 1, 2), data).generation()
    trace.thread(1, 99, event(Event.GO_STATUS, 1, 1, 1, 2)).generation()
    decoder, parts = read(trace.data, engine)
    assert parts[-1].generation == 2
    assert len(parts) == 2 or decoder.damages[0].generation == 1


HOSTILE = {
    "number of eleven bytes": bytes([Event.HEAP_ALLOC, 1]) + b"\x80" * 10 + b"\1",
    "number over 64 bits": bytes([Event.HEAP_ALLOC, 1]) + b"\xff" * 9 + b"\2",
    "event past the batch": bytes([Event.GO_START, 1]),
    "unfinished number": bytes([Event.HEAP_ALLOC, 1, 0x80]),
    "event that no batch may hold": bytes([Event.STRINGS, 1]),
    "event that nobody knows": bytes([99, 1]),
    "status 0": event(Event.GO_STATUS, 1, 2, 1, 0),
    "status 5": event(Event.GO_STATUS, 1, 2, 1, 5),
    "goroutine of 64 bits": event(Event.GO_STATUS, 1, 1 << 63, 1, 4),
    "goroutine nobody introduced": event(Event.GO_UNBLOCK, 1, 77, 1, 0),
    "stack id of 32 bits": event(Event.GO_BLOCK, 1, 0, 1 << 32),
    "reason id of 63 bits": event(Event.GO_BLOCK, 1, 1 << 62, 0),
    "sequence of 62 bits": event(Event.GO_UNBLOCK, 1, 1, 1 << 62, 0),
    "time of 57 bits": event(Event.HEAP_ALLOC, (1 << 56) + 1, 0),
    "two goroutines leave one thread": event(Event.GO_DESTROY, 1) * 2,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_broken_generation_is_dropped_and_the_next_is_used(what, engine):
    trace = TraceBuilder().thread(1, 0, event(Event.GO_STATUS, 1, 1, 1, 2), HOSTILE[what])
    trace.generation().thread(1, 99, event(Event.GO_STATUS, 1, 1, 1, 2)).generation()
    decoder, parts = read(trace.data, engine)
    assert [part.generation for part in parts] == [2], what
    assert decoder.damages[0].generation == 1
    assert decoder.lost_bytes > 0
    assert parts[0].after_gap


def test_an_unfinished_number_does_not_borrow_from_the_next_batch(engine):
    trace = TraceBuilder().thread(1, 0, event(Event.GO_STATUS, 1, 1, 1, 2), bytes([37, 1, 0x80]))
    trace.thread(1, 5, b"\1" + event(Event.HEAP_ALLOC, 1, 1))
    decoder, parts = read(trace.generation().data, engine)
    assert not parts
    assert decoder.damages


@pytest.mark.parametrize("kind", [Event.GO_SWITCH, 131])
def test_events_of_later_versions_are_refused_in_an_earlier_one(kind, engine):
    decoder, parts = read(one_goroutine(event(kind, 1, 1, 1), version=22), engine)
    assert not parts
    assert "an " in decoder.damages[0].reason


@pytest.mark.parametrize(
    "entry",
    [
        event(Event.STRING, 1, 2000),
        event(Event.STRING, 1, 9) + b"ab",
        (event(Event.STRING, 1, 1) + b"a") * 2,
        b"\x09",
    ],
)
def test_broken_string_tables_drop_their_generation(entry, engine):
    strings = batch(1, NO_THREAD, 0, bytes([Event.STRINGS]) + entry)
    trace = TraceBuilder().raw(strings).thread(1, 0, event(Event.GO_STATUS, 1, 1, 1, 2))
    trace.generation(strings=False).thread(1, 9, event(Event.GO_STATUS, 1, 1, 1, 2)).generation()
    decoder, parts = read(trace.data, engine)
    assert [part.generation for part in parts] == [2]
    assert decoder.damage_count == 1


@pytest.mark.parametrize(
    "entry",
    [
        event(Event.STACK, 1, 500),
        event(Event.STACK, 1, 2, 5, 0, 0, 1),
        event(Event.STACK, 1, 1, 5, 99, 99, 1),
        event(Event.STACK, 1, 0) * 2,
        b"\x80",
    ],
)
def test_broken_stack_tables_drop_their_generation(entry, engine):
    trace = TraceBuilder().raw(batch(1, NO_THREAD, 0, bytes([Event.STACKS]) + entry))
    trace.thread(1, 0, event(Event.GO_STATUS, 1, 1, 1, 2))
    decoder, parts = read(trace.generation().data, engine)
    assert not parts
    assert decoder.damage_count == 1


@pytest.mark.parametrize("frequency", [0, 7, 10**12])
def test_unbelievable_clocks_are_refused(frequency, engine):
    trace = TraceBuilder(frequency=frequency).thread(1, 0, event(Event.GO_STATUS, 1, 1, 1, 2))
    decoder, parts = read(trace.generation().data, engine)
    assert not parts
    assert decoder.damages


def test_an_oversized_batch_ends_the_reading(engine):
    data = one_goroutine() + b"\x01" + uv(2) + uv(1) + uv(1) + uv(1 << 62)
    decoder, parts = read(data, engine)
    assert len(parts) == 1
    assert "over 65536" in decoder.damages[0].reason


@pytest.mark.parametrize("numbers", [(2, 1), (0,), (1, 3)])
def test_generations_in_no_order_end_the_reading(numbers):
    data = header(22) + b"".join(batch(one, 1, 0, event(Event.HEAP_ALLOC, 1, 1)) for one in numbers)
    decoder, parts = read(data)
    assert not parts
    assert decoder.damages


def test_sequence_gaps_and_doubles_are_put_in_order_and_said(engine):
    trace = TraceBuilder()
    trace.thread(
        1,
        0,
        event(Event.GO_STATUS, 1, 1, 1, 2),
        event(Event.GO_STATUS, 1, 2, NO_THREAD, 4),
        event(Event.GO_UNBLOCK, 1, 2, 3, 0),
    )
    decoder, [part] = read(trace.generation().data, engine)
    assert part.irregular
    assert "gaps or doubles" in decoder.damages[0].reason


def test_unknown_stacks_are_counted_not_made_up(engine):
    decoder, [part] = read(one_goroutine(event(Event.GO_BLOCK, 1, 0, 40)), engine)
    assert part.stack.tolist() == [0, -1]
    assert "1 events name a stack" in decoder.damages[0].reason


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(generation_bytes=1000), "bytes of a generation"),
        (Limits(generations=1), "generations"),
        (Limits(decoded_generations=1), "generations with events"),
        (Limits(strings=2), "strings of a generation"),
        (Limits(string_bytes=20), "generation's strings"),
        (Limits(stacks=2), "stacks"),
        (Limits(frames=3), "frames"),
        (Limits(reasons=5), "wait reasons"),
    ],
)
def test_every_cap_ends_in_damage(limits, words, engine):
    decoder, parts = read(three_generations(), engine, limits)
    assert len(parts) < 3
    assert any(words in damage.reason for damage in decoder.damages), decoder.damages


def test_damages_past_the_cap_are_only_counted():
    trace = TraceBuilder()
    for _ in range(9):
        trace.thread(1, 0, b"\x63\x63").generation()
    decoder, _ = read(trace.data, limits=Limits(damages=3))
    assert (len(decoder.damages), decoder.damage_count) == (3, 9)


def test_hundreds_of_thousands_of_empty_generations_are_refused():
    """They would cost far more time than their bytes."""
    empty = b"".join(batch(number, NO_THREAD, 0, b"") + b"\x34" for number in range(1, 110_000))
    decoder, parts = read(header(26) + empty)
    assert not parts
    assert decoder.lost_bytes


def test_a_million_tiny_batches_are_refused():
    tiny = batch(1, 1, 0, event(Event.STW_END, 1)) * 200_000
    decoder, _ = read(header(26) + tiny)
    assert any("batches of a generation" in damage.reason for damage in decoder.damages)


def test_names_are_text_whatever_their_bytes():
    trace = TraceBuilder()
    trace.thread(1, 0, event(Event.GO_STATUS_STACK, 1, 1, NO_THREAD, 4, 1))
    raw = b"main.\xff\x1b[31m"
    trace.raw(batch(1, NO_THREAD, 0, b"\x02" + event(Event.STACK, 1, 1, 5, 1, 1, 3)))
    trace.raw(batch(1, NO_THREAD, 0, b"\x04" + event(Event.STRING, 1, len(raw)) + raw))
    decoder, _ = read(trace.generation(strings=False).data)
    assert decoder.stacks.frames[1][0].function == "main.\ufffd\ufffd[31m"
