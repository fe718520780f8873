"""Event starts found by lanes are those of a plain walk, for any bytes."""

from __future__ import annotations

import numpy as np
import pytest

from goleakprobe.trace.errors import MalformedTraceError
from goleakprobe.trace.event_starts import find_event_starts


def walk(jumps: bytes) -> list[int] | None:
    at, starts = 0, []
    while at < len(jumps):
        starts.append(at)
        at += jumps[at]
    return starts if at == len(jumps) else None


@pytest.mark.parametrize("choices", [[1], [4], [2, 4], [3, 6], [1, 2, 3, 4, 5, 6], [6, 6, 6, 1]])
@pytest.mark.parametrize("seed", range(8))
def test_lanes_agree_with_a_walk(choices, seed):
    """Among them patterns in which lanes never fall in step, so that all must be repaired."""
    rng = np.random.default_rng(seed)
    jumps = rng.choice(np.array(choices, np.uint8), rng.integers(4096, 30000)).tobytes()
    for cut in range(8):
        expected = walk(jumps[: len(jumps) - cut])
        if expected is None:
            with pytest.raises(MalformedTraceError, match="past its batch"):
                find_event_starts(jumps[: len(jumps) - cut])
        else:
            assert find_event_starts(jumps[: len(jumps) - cut]).tolist() == expected


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("jump", "count"), [(2, 76_844), (4, 76_848), (5, 76_850), (5, 131_075)])
def test_a_lane_that_runs_past_the_end_holds_up_nobody(jump, count):
    """Equal events, as of many parked goroutines: out of step, the last lane ends elsewhere."""
    assert find_event_starts(bytes([jump]) * count).tolist() == list(range(0, count, jump))


def test_few_events_are_walked():
    assert find_event_starts(bytes([2, 9, 1, 3, 9, 9])).tolist() == [0, 2, 3]
    with pytest.raises(MalformedTraceError):
        find_event_starts(bytes([2, 9, 4]))
