"""Derived events name their origin, and repetitions are known by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goleakprobe_agents.origins import (
    Origin,
    OriginMarks,
    numbered_origins,
    origin_headers,
    origin_of,
)
from goleakprobe_agents.stage import Output
from goleakprobe_schemas import SNAPSHOTS, STATISTICS
from stream_messages import START_NS, a_snapshot, fetched


def an_output(event_id: str) -> Output:
    return Output(STATISTICS, "k", event_id, a_snapshot(), START_NS)


def test_siblings_are_numbered_in_order() -> None:
    ids = ["t.v1-3-7", "t.v1-3-7-abc", "t.v1-3-7-x-y", "t.v1-3-8", "t.v1-0-1"]
    origins = numbered_origins("t.v1", [an_output(each) for each in ids])
    assert [(o.partition, o.offset, o.sequence) for o in origins] == [
        (3, 7, 0),
        (3, 7, 1),
        (3, 7, 2),
        (3, 8, 0),
        (0, 1, 0),
    ]


@pytest.mark.parametrize("event_id", ["", "other-1-2", "t.v1", "t.v1-x-2"])
def test_an_output_that_does_not_say_where_from_is_refused(event_id: str) -> None:
    with pytest.raises(ValueError, match="does not begin with"):
        numbered_origins("t.v1", [an_output(event_id)])


def test_headers_carry_an_origin_to_the_reader() -> None:
    origin = Origin("goroutine.target.assessed.v1", 3, 118, 2)
    message = fetched(SNAPSHOTS, 0, b"", headers=[("other", b"x"), *origin_headers(origin)])
    assert origin_of(message) == origin


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("ce_origin", b"t-1-2")],
        [("ce_origin", b"nonsense"), ("ce_sequence", b"0")],
        [("ce_origin", b"t-1-2"), ("ce_sequence", b"many")],
        [("ce_origin", b"\xff\xfe"), ("ce_sequence", b"0")],
    ],
)
def test_events_from_outside_have_no_origin(headers: list[tuple[str, bytes]]) -> None:
    assert origin_of(fetched(SNAPSHOTS, 0, b"", headers=headers)) is None


@given(
    places=st.sets(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=12),
    deaths=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=5),
)
def test_replays_from_anywhere_add_nothing(
    places: set[tuple[int, int]], deaths: list[tuple[int, int]]
) -> None:
    """A worker that dies begins again at some earlier place and repeats what it sent since."""
    origins = [Origin("t", partition, offset) for partition, offset in sorted(places)]
    sent: list[Origin] = []
    reached = 0
    for dies_at, begins_at in deaths:
        start = min(begins_at, reached)
        reached = max(reached, min(dies_at, len(origins)))
        sent += origins[start:reached]
    sent += origins[min(reached, 3) :]
    marks = OriginMarks()
    assert [origin for origin in sent if marks.admit(origin)] == origins


def test_marks_survive_as_plain_numbers() -> None:
    marks = OriginMarks()
    assert marks.admit(Origin("t", 0, 7, 1))
    again = OriginMarks(marks.passed)
    assert not again.admit(Origin("t", 0, 7, 1))
    assert not again.admit(Origin("t", 0, 7, 0))
    assert again.admit(Origin("t", 0, 7, 2))
