"""The fit of the leak scores can be made again, and tells leaks from the rest."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from goleakprobe.simulate.fitting import best_logits, fit, main
from goleakprobe.simulate.outcomes import area_under_curve
from goleakprobe.simulate.rises import RECIPES, gather
from goleakprobe_agents.detection.leak_odds import EARLY_SECONDS
from goleakprobe_agents.detection.rise_features import FEATURES


def test_a_small_fit_tells_the_series_it_saw():
    recipe = replace(RECIPES["aged"], false_alarms=0.03)
    rises = gather(recipe, count=64, seed=3)
    best = best_logits(rises, fit(rises, recipe, rounds=3))
    assert area_under_curve(best[~rises.leaking], best[rises.leaking]) > 0.95
    assert (best[~rises.leaking] > 0).mean() <= 0.07


def test_leaving_series_out_renumbers_the_rest():
    rises = gather(RECIPES["aged"], count=64, seed=3)
    keep = rises.family != "slow"
    fewer = rises.of(keep)
    assert fewer.series.max() < keep.sum()
    assert "slow" not in fewer.family
    chosen = np.flatnonzero(keep)[fewer.series]
    assert (rises.family[chosen] == fewer.family[fewer.series]).all()


def test_the_score_of_young_rises_learns_from_no_others():
    recipe = RECIPES["early"]
    rises = gather(recipe, count=64, seed=3)
    elapsed = np.exp(rises.features[:, recipe.features.index("elapsed")]) - 60
    assert 0 < elapsed.max() < EARLY_SECONDS + 1
    leaking = rises.leaking[rises.series]
    since = rises.seconds - rises.onset[rises.series]
    assert leaking.any()
    assert since[leaking].max() <= EARLY_SECONDS


def test_the_command_writes_the_file_of_coefficients(tmp_path):
    target = tmp_path / "scores.json"
    assert main(["--score", "aged", "--series", "64", "--output", str(target)]) == 0
    written = json.loads(target.read_text())
    assert "64 simulated series" in written["provenance"]
    assert written["scores"]["aged"]["features"] == list(FEATURES)
