"""A source event that comes twice is known again, within a window and over restarts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from goleakprobe_agents.event_ids import WINDOW_EVENTS, RecentEvents, event_key
from goleakprobe_schemas import RUNTIMES
from stream_messages import a_sample, fetched, with_id


def keys(count: int, first: int = 0) -> list[bytes]:
    return [number.to_bytes(8, "big") for number in range(first, first + count)]


def test_source_and_id_together_name_an_event() -> None:
    messages = [
        with_id(fetched(RUNTIMES, 0, a_sample()), event_id, source=source)
        for source, event_id in [("a", "1"), ("a", "2"), ("b", "1"), ("a1", ""), ("", "a1")]
    ]
    told = [event_key(message) for message in messages]
    assert told[3] is None
    assert len(set(told)) == len(told)
    again = with_id(fetched(RUNTIMES, 9, a_sample(9)), "1", source="a")
    assert event_key(again) == told[0]


def test_a_message_without_an_id_has_no_key() -> None:
    assert event_key(fetched(RUNTIMES, 0, a_sample())) is None


def test_the_newest_events_are_remembered_and_no_more() -> None:
    recent = RecentEvents()
    assert all(recent.admit(key) for key in keys(WINDOW_EVENTS + 1))
    assert not any(recent.admit(key) for key in keys(WINDOW_EVENTS, first=1))
    assert recent.admit(keys(1)[0])


@given(st.lists(st.integers(0, 20), max_size=60), st.integers(0, 60))
def test_a_window_that_was_dumped_goes_on_as_if_nothing_had_been(
    numbers: list[int], cut: int
) -> None:
    events = [number.to_bytes(8, "big") for number in numbers]
    lived, interrupted = RecentEvents(), RecentEvents()
    for place, event in enumerate(events):
        if place == cut:
            interrupted = RecentEvents(interrupted.dump())
        assert lived.admit(event) == interrupted.admit(event) == (event not in events[:place])
