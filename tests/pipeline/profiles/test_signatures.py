"""A signature is the same for the same leak, and another one for another."""

from __future__ import annotations

import re

import pytest

from goleakprobe.profiles import blocking_frame, signature, site
from goleakprobe.profiles.signatures import SIGNED_FRAMES, signed_functions, visible_frames
from goleakprobe_schemas import Frame


def stack(*functions: str) -> tuple[Frame, ...]:
    return tuple(
        Frame(name, f"/srv/app/{i}.go", 10 * i) for i, name in enumerate(functions, start=1)
    )


WORKER = stack("main.(*Pool).work", "main.(*Pool).start.func1")


def test_a_signature_is_128_bits_in_hexadecimal() -> None:
    assert re.fullmatch("[0-9a-f]{32}", signature(WORKER, "select"))


def test_the_value_is_part_of_the_contract() -> None:
    """Signatures are keys of compacted topics and of years of Parquet: a change is a break."""
    assert signature(WORKER, "chan receive") == "14e6a7cf4d597f2f0157f617d251914f"


def test_files_and_lines_are_attributes() -> None:
    moved = tuple(Frame(frame.function, "/elsewhere/x.go", 1) for frame in WORKER)
    assert signature(moved, "select") == signature(WORKER, "select")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("chan receive", "chan receive (nil chan)"),
        ("chan receive", "chan receive (durable)"),
        ("select", "select (no cases)"),
        ("", "waiting"),
        ("runnable", "running"),
    ],
)
def test_wait_words_that_no_source_tells_apart_are_folded(one: str, other: str) -> None:
    assert signature(WORKER, one) == signature(WORKER, other)


@pytest.mark.parametrize("other", ["chan send", "select", "sync.Mutex.Lock", "sleep", "runnable"])
def test_waits_that_differ_sign_differently(other: str) -> None:
    assert signature(WORKER, "chan receive") != signature(WORKER, other)


def test_a_semaphore_is_named_by_the_sync_type_above_it() -> None:
    old = stack("sync.runtime_Semacquire", "sync.(*WaitGroup).Wait", "main.drain")
    new = stack("sync.runtime_SemacquireWaitGroup", "sync.(*WaitGroup).Wait", "main.drain")
    assert signature(old, "semacquire") == signature(new, "sync.WaitGroup.Wait")


def test_the_runtime_and_the_wrappers_do_not_count() -> None:
    everything = stack(
        "runtime.gopark",
        "runtime.chanrecv",
        "runtime.chanrecv1",
        "main.(*Pool).work",
        "main.(*Pool).start.func1",
        "main.(*Pool).start.gowrap1",
        "runtime.goexit",
    )
    assert signature(everything, "chan receive") == signature(WORKER, "chan receive")


def test_a_panic_in_the_middle_does_not_count() -> None:
    text = stack("main.cleanup", "panic", "main.work")
    proto = stack("main.cleanup", "runtime.gopanic", "main.work")
    assert signature(text, "chan receive") == signature(proto, "chan receive")


def test_the_depth_of_a_recursion_does_not_count() -> None:
    shallow = stack(*["main.walk"] * 3, "main.run")
    deep = stack(*["main.walk"] * 9, "main.run")
    assert signature(shallow, "select") == signature(deep, "select")


def test_what_lies_below_the_signed_frames_does_not_count() -> None:
    """Go up to 1.22 cuts a stack at 32 counters; every source must still agree."""
    deep = [f"main.f{i}" for i in range(SIGNED_FRAMES)]
    assert signature(stack(*deep, "main.a"), "select") == signature(stack(*deep), "select")
    assert signature(stack(*deep[:-1], "main.a"), "select") != signature(stack(*deep), "select")


def test_the_creation_site_counts_only_where_no_frame_does() -> None:
    here, there = "main.here /a.go:1", "main.there /b.go:2"
    assert signature(WORKER, "select", here) == signature(WORKER, "select", there)
    assert signature((), "select", here) != signature((), "select", there)
    assert signature((), "select", here) == signature((), "select", "main.here /moved.go:9")


def test_a_stack_of_machinery_alone_is_named_by_its_root() -> None:
    bare = stack("sync.runtime_SemacquireWaitGroup", "sync.(*WaitGroup).Wait")
    assert signed_functions([frame.function for frame in bare]) == ["sync.(*WaitGroup).Wait"]


def test_the_blocking_frame_is_the_first_outside_the_machinery() -> None:
    frames = stack(
        "internal/poll.runtime_pollWait", "internal/poll.(*FD).Read", "net.(*conn).Read", "main.x"
    )
    assert blocking_frame(frames) == frames[2]
    assert blocking_frame(()) is None


def test_a_site_reads_function_file_line() -> None:
    assert site(Frame("main.run", "/srv/main.go", 7)) == "main.run /srv/main.go:7"
    assert site(Frame("main.run")) == "main.run"
    assert site(None) == ""


def test_visible_frames_are_those_of_a_text_dump() -> None:
    frames = stack("runtime.gopark", "runtime.selectgo", "main.main", "runtime.main")
    assert visible_frames(frames) == frames[2:3]
    system = stack("runtime.gopark", "runtime.bgsweep", "runtime.goexit")
    assert visible_frames(system) == system
