"""Each offset once, in order, none missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goleakprobe_agents.errors import LogGapError, LogRewoundError
from goleakprobe_agents.intake import ContiguityGuard, by_partition, decode_message
from goleakprobe_schemas import SNAPSHOTS, EventInvalidError
from stream_messages import a_snapshot, fetched, snapshots


def test_the_next_offset_passes_and_passes_once() -> None:
    guard = ContiguityGuard("t", 0, next_offset=5)
    assert guard.admit(5)
    assert not guard.admit(5)
    assert guard.admit(6)
    assert guard.next_offset == 7


def test_a_gap_is_an_error_and_moves_nothing() -> None:
    guard = ContiguityGuard("t", 3, next_offset=5)
    with pytest.raises(LogGapError, match="t-3: expected offset 5 and got 7") as caught:
        guard.admit(7)
    assert (caught.value.expected, caught.value.got) == (5, 7)
    assert guard.admit(5)


def test_an_offset_from_before_the_beginning_means_another_log() -> None:
    guard = ContiguityGuard("t", 0, next_offset=5)
    with pytest.raises(LogRewoundError, match="began at offset 5"):
        guard.admit(4)


def test_a_confirmed_hole_is_crossed_and_counted() -> None:
    guard = ContiguityGuard("t", 0, next_offset=5)
    assert guard.skip_to(9) == 4
    assert guard.admit(9)
    with pytest.raises(ValueError, match="cannot skip back"):
        guard.skip_to(3)


@given(st.lists(st.integers(min_value=0, max_value=30)))
def test_whatever_is_fetched_what_passes_is_contiguous(offsets: list[int]) -> None:
    guard = ContiguityGuard("t", 0, next_offset=0)
    passed = []
    for offset in offsets:
        try:
            if guard.admit(offset):
                passed.append(offset)
        except LogGapError:
            continue
    assert passed == list(range(len(passed)))


def test_a_batch_is_parted_without_changing_the_order() -> None:
    batch = snapshots(range(3), partition=1) + snapshots(range(2), partition=0)
    parted = by_partition(batch)
    assert [m.offset for m in parted[SNAPSHOTS.name, 1]] == [0, 1, 2]
    assert [m.offset for m in parted[SNAPSHOTS.name, 0]] == [0, 1]


def test_a_message_becomes_a_record_that_knows_where_it_stood() -> None:
    record = decode_message(SNAPSHOTS, fetched(SNAPSHOTS, 7, a_snapshot(), partition=2))
    assert record.origin == "goroutine.snapshot.collected.v1-2-7"
    assert record.event == a_snapshot()


@pytest.mark.parametrize("body", [None, b"", b"garbage", b"{}"])
def test_what_is_no_event_is_refused(body: bytes | None) -> None:
    with pytest.raises(EventInvalidError):
        decode_message(SNAPSHOTS, fetched(SNAPSHOTS, 7, body))
