"""The rules without coefficients: more of what a leak does never scores lower."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from goleakprobe_agents.detection.plain_rise import PLAIN_RULES, plain_rise
from goleakprobe_agents.detection.rise_features import Circumstances
from goleakprobe_agents.detection.trend import describe


def around(n, **known):
    figures = {
        "age_seconds": 7200.0, "carried_seconds": 0.0, "carried_growth": 0.0, "churn": 0.0,
        "returned": 0.0, "young": 1e6,
    } | known  # fmt: skip
    return Circumstances(90.0, **{name: np.full(n, value) for name, value in figures.items()})


def score(floors, **known):
    floors = np.atleast_2d(np.asarray(floors, dtype=float))
    return plain_rise(describe(floors), around(len(floors), **known), PLAIN_RULES["aged"])


LINE = np.arange(24.0)


def test_the_faster_of_two_straight_rises_never_scores_lower():
    told = score(np.outer([0.2, 1.0, 5.0, 20.0, 60.0, 5000.0], LINE) + 3)
    assert (np.diff(told) >= 0).all()
    assert told[0] < 1 <= told[3]


@pytest.mark.parametrize(
    "floors",
    [
        np.full(24, 70.0),
        np.where(LINE > 12, 90.0, 20.0),
        20 + 20 * (LINE > 5) + 30 * (LINE > 15),
        300 * (1 - np.exp(-LINE / 8)),
        10 * (LINE % 8),
        np.minimum(LINE, 12) * 10,
    ],
    ids=["flat", "step", "two steps", "pool", "sweeps", "capped"],
)
def test_what_settles_or_goes_back_or_came_at_once_is_no_plain_rise(floors):
    assert score(floors)[0] < 1


def test_each_circumstance_alone_can_deny_it():
    line = 10 * LINE
    assert score(line)[0] >= 1
    for denied in ({"churn": 0.5}, {"returned": 400.0}, {"young": 0.0}, {"age_seconds": 2000.0}):
        assert score(line, **denied)[0] < 1


def test_the_ages_are_not_asked_for_where_floors_are_of_counts():
    known = around(1)
    unknown = dataclasses.replace(known, young=np.full(1, np.nan))
    trend = describe(10 * LINE[None])
    rules = dataclasses.replace(PLAIN_RULES["count"], after_quiet=1800.0)
    assert plain_rise(trend, unknown, rules)[0] >= 1
