"""What is published carries a time that every broker takes."""

from __future__ import annotations

from goleakprobe_agents.publisher import not_ahead


def test_a_collector_ahead_of_its_time_does_not_stamp_messages_in_the_future() -> None:
    assert not_ahead(2_000, now_ms=1_000) == 1_000


def test_the_time_of_the_past_is_kept() -> None:
    assert not_ahead(500, now_ms=1_000) == 500
    assert not_ahead(None, now_ms=1_000) is None
