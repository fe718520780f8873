"""A round holds every key once, and a key's items keep their order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from goleakprobe_agents.rounds import rounds


@given(st.lists(st.integers(0, 5)))
def test_rounds_hold_every_item_once_and_no_key_twice(keys: list[int]) -> None:
    cut = rounds(keys, key=lambda key: key)
    assert sorted(place for round_ in cut for place, _ in round_) == list(range(len(keys)))
    for round_ in cut:
        assert len({key for _, key in round_}) == len(round_)


@given(st.lists(st.integers(0, 5)))
def test_a_keys_items_come_in_their_order(keys: list[int]) -> None:
    places: dict[int, list[int]] = {}
    for round_ in rounds(keys, key=lambda key: key):
        for place, key in round_:
            places.setdefault(key, []).append(place)
    assert all(of_key == sorted(of_key) for of_key in places.values())
