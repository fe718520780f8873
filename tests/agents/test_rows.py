"""Rows are dense, unique while held, and used again once released."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from goleakprobe_agents.rows import RowAllocator


@given(st.lists(st.booleans()))
def test_no_row_has_two_holders_and_the_table_stays_dense(takes: list[bool]) -> None:
    rows, held, most = RowAllocator(), [], 0
    for take in takes:
        if take:
            held.append(rows.take())
        elif held:
            rows.release([held.pop(0)])
        most = max(most, len(held))
        assert len(set(held)) == len(held)
        assert rows.size <= most


def test_the_allocator_survives_a_state_snapshot() -> None:
    rows = RowAllocator()
    for _ in range(4):
        rows.take()
    rows.release([2, 0])
    loaded = msgspec.msgpack.decode(msgspec.msgpack.encode(rows), type=RowAllocator)
    assert [loaded.take() for _ in range(3)] == [0, 2, 4]
