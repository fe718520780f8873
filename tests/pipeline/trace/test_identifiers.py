"""Columns of identifiers are mapped exactly, however the ids are spread."""

from __future__ import annotations

import numpy as np
import pytest

from goleakprobe.trace.identifiers import IdMap, dense_positions

SPREADS = {
    "together": (0, 1 << 10),
    "far up": (1 << 60, (1 << 60) + 500),
    "old and new": (0, 1 << 32),
    "anywhere": (0, (1 << 62) - 1),
}


@pytest.mark.parametrize("spread", SPREADS)
def test_places_among_the_members(spread):
    low, high = SPREADS[spread]
    rng = np.random.default_rng(2)
    members = np.unique(rng.integers(low, high, 400))
    if spread == "old and new":
        members = np.unique(np.append(members, np.arange(high - 100_000, high)))
    ids = np.concatenate([members, members + 1, rng.integers(low, high, 3000), [0, high + 7]])
    place = {int(member): at for at, member in enumerate(members)}
    expected = [place.get(int(one), -1) for one in ids]
    assert dense_positions(members, ids).tolist() == expected


@pytest.mark.parametrize("top", [50, 1 << 30, (1 << 64) - 1])
def test_id_maps_answer_for_every_id(top):
    table = {0: 0, 3: 7, 9: 2, top: 5}
    ids = [0, 1, 3, 9, 10, min(top, 1 << 31), 1 << 31]
    out = np.empty(len(ids), np.int32)
    IdMap(table, missing=-1).map(np.array(ids, np.int64), out)
    assert out.tolist() == [table.get(one, -1) for one in ids]
