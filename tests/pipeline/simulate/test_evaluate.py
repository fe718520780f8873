"""The figures of an evaluation, on outcomes that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from goleakprobe.simulate.contestants import CONTESTANTS
from goleakprobe.simulate.evaluate import CLAIMED, evaluate, markdown
from goleakprobe.simulate.outcomes import area_under_curve, outcome, summarise
from goleakprobe.simulate.plots import roc_points, write_plots
from goleakprobe.simulate.recipe import simulate


def test_area_under_curve_counts_pairs_and_halves_ties():
    assert area_under_curve(np.array([1.0, 2.0]), np.array([3.0, 2.0])) == 0.875
    assert np.isnan(area_under_curve(np.array([]), np.array([1.0])))


def test_delay_and_early_alarms_are_told_from_the_onset():
    (series,) = simulate(3, kind="total", family="mid_series", hours=1)
    alarms = np.zeros(series.count.shape, dtype=bool)
    onset = np.ceil(series.onset_seconds / 15).astype(int)
    alarms[onset[0] + 4, 0] = True
    alarms[onset[1] - 1, 1] = True
    found = outcome(series, np.zeros(series.count.shape), alarms)
    assert found.alarmed.tolist() == [True, False, False]
    assert found.early.tolist() == [False, True, False]
    assert 60 <= found.delay_seconds[0] < 75
    figures = summarise([found])
    assert figures.false_negative_rate == pytest.approx(2 / 3)
    assert figures.early_rate == pytest.approx(1 / 3)


def test_the_claimed_figures_cannot_be_true_together():
    assert [claim.possible for claim in CLAIMED] == [False, False]


def test_every_contestant_can_be_evaluated_and_shown(tmp_path):
    found = []
    for kind in ("total", "stack"):
        found += evaluate(list(CONTESTANTS), kind, count=24, hours=0.5, step_seconds=60)
    text = markdown(found)
    for name in CONTESTANTS:
        assert f"| {name}, total | 24 |" in text
    assert [p.suffix for p in write_plots(found[:2], tmp_path)] == [".svg", ".svg"]
    assert "<svg" in (tmp_path / "roc-total.svg").read_text()


def test_a_curve_runs_from_corner_to_corner():
    points = roc_points(np.arange(500.0), np.arange(250.0, 750.0))
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (1.0, 1.0)
    assert points == sorted(points)


def test_the_engine_tells_leaks_from_benign_series_far_better_than_the_specified_threshold():
    detectors = ["evidence", "dual_window"]
    found = evaluate(detectors, "stack", count=88, split="report", seed=5, step_seconds=60)
    engine, window = (each.figures for each in found)
    assert engine.area_under_curve > 0.9
    assert engine.area_under_curve > window.area_under_curve + 0.2
    assert engine.false_positive_rate < 0.1
    assert engine.early_rate == 0
