"""What is seen of a rise whose goroutines stay, and of one whose do not."""

from __future__ import annotations

import numpy as np
import pytest

from goleakprobe_agents.detection.rise_features import FEATURES
from goleakprobe_agents.detection.stay_features import STAY_FEATURES, stay_features
from goleakprobe_agents.detection.trend import describe

BUCKETS = 23


def figures(floors, old, *, bucket_seconds=90.0):
    """The features of one row by name."""
    floors = np.asarray(floors, dtype=float)[None]
    columns = stay_features(
        np.zeros((1, len(FEATURES))),
        describe(floors),
        floors,
        np.array([float(old)]),
        np.nan_to_num(floors[:, -1]),
        bucket_seconds,
    )
    assert columns.shape == (1, len(STAY_FEATURES))
    assert np.isfinite(columns).all()
    return dict(zip(STAY_FEATURES, columns[0], strict=True))


LINE = 10.0 * np.arange(BUCKETS)


def test_whoever_was_there_ten_minutes_ago_is_aged_if_all_stay():
    all_stay = figures(LINE, LINE[-8])
    assert all_stay["stayed"] == pytest.approx(0)
    assert figures(LINE, 0)["stayed"] == -2.0
    assert figures(LINE, 10**9)["stayed"] == 1.0, "a target may say what it likes"


@pytest.mark.parametrize(("bucket_seconds", "back"), [(90.0, 7), (240.0, 3), (720.0, 1)])
def test_ten_minutes_ago_is_the_newest_bucket_that_had_ended_by_then(bucket_seconds, back):
    told = figures(LINE, LINE[-1 - back], bucket_seconds=bucket_seconds)
    assert told["stayed"] == pytest.approx(0)


def test_a_line_comes_evenly_and_stages_do_not():
    line = figures(LINE, 100)
    stages = figures(np.repeat([0, 60, 120, 180], [5, 6, 6, 6]), 100)
    assert line["longest_pause"] < stages["longest_pause"]
    assert line["pause"] < stages["pause"]
    assert line["newest_quarter"] == pytest.approx(1, abs=0.4)


def test_a_rise_that_has_ended_has_nothing_in_its_newest_quarter():
    ended = figures(np.minimum(LINE, 100), 100)
    assert ended["newest_quarter"] == 0
    assert ended["least_quarter"] == 0


def test_gaps_are_held_over_and_make_no_growth():
    gaps = LINE.copy()
    gaps[[3, 10, 11, 15]] = np.nan
    told = figures(gaps, 100)
    assert told["newest_quarter"] == pytest.approx(figures(LINE, 100)["newest_quarter"], abs=0.3)
    figures(np.full(BUCKETS, np.nan), 0)
