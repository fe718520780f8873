"""Bytes of state: every flipped bit is told."""

from __future__ import annotations

import numpy as np
import pytest

from goleakprobe_agents.detection.row_store import Field, RowStore


def test_each_single_flipped_bit_is_refused():
    store = RowStore("odd", [Field("time", "<i8"), Field("ring", "<f4", (3,)), Field("on", "?")])
    store.resize(3)
    store["time"][:] = [-1, 2**40, 7]
    store["ring"][:] = np.nan
    store["on"][:] = [True, False, True]
    state = store.dump()
    other = RowStore("odd", store.fields)
    for place in range(8 * len(state)):
        damaged = bytearray(state)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(ValueError, match=r"state|detector"):
            other.load(bytes(damaged))
    assert other.rows == 0
    other.load(state)
    assert other.dump() == state
