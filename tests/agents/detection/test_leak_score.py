"""Fitted scores are data: they match the features there are, and never run away."""

from __future__ import annotations

import numpy as np
import pytest

from goleakprobe_agents.detection.leak_score import LEAK_SCORES, LeakScore, leak_score, products


@pytest.mark.parametrize("name", LEAK_SCORES)
def test_every_score_was_fitted_to_the_features_there_are(name):
    score = leak_score(name)
    assert len(score.means) == len(LEAK_SCORES[name])
    assert np.isfinite(score(np.zeros((1, len(LEAK_SCORES[name]))))).all()


@pytest.mark.parametrize("name", LEAK_SCORES)
def test_a_series_unlike_all_others_is_judged_like_the_nearest_known_one(name):
    score = leak_score(name)
    edge = score.means + 2.5 * score.deviations
    np.testing.assert_allclose(score.logit(edge[None]), score.logit(edge[None] + 1e6), rtol=1e-9)


def test_terms_and_matrix_say_the_same():
    rng = np.random.default_rng(0)
    features, weights = rng.normal(size=(20, 3)), rng.normal(size=10)
    score = LeakScore.from_terms(np.zeros(3), np.ones(3), weights, 0.25)
    np.testing.assert_allclose(score.logit(features), products(features) @ weights - 0.25)


def test_the_odds_are_one_at_the_threshold():
    score = LeakScore.from_terms(np.zeros(1), np.ones(1), np.array([0.5, 1.0, 0.0]), 1.5)
    assert score(np.array([[1.0]]))[0] == pytest.approx(1.0)
