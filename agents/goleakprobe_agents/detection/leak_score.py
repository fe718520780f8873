"""A small logistic score of a rise: the odds of a leak over the odds that an alarm takes.

The coefficients are data, in ``leak_scores.json``, which says how they were fitted and from what;
``goleakprobe.simulate.fitting`` makes that file anew. Features are cut off two and a half
deviations from their mean, so a series unlike all others is judged like the nearest known ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from goleakprobe_agents.detection.rise_features import FEATURES
from goleakprobe_agents.detection.stay_features import STAY_FEATURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEAK_SCORES", "LeakScore", "leak_score", "products"]

LEAK_SCORES = {
    "count": FEATURES,
    "aged": FEATURES,
    "total": FEATURES,
    "stay": STAY_FEATURES,
    "early": STAY_FEATURES,
}
"""The features of each score. The first three are of floors: of a signature, of its goroutines
older than ten minutes, of a whole process. The others are of a signature's rise and of how many of
it are aged: of any rise, and of one that is younger than half an hour."""

_CUT = 2.5
_LARGEST_LOGIT = 16.0


def products(standardised: NDArray[np.float64]) -> NDArray[np.float64]:
    """The terms of the score: 1, every feature, every product of two."""
    cut = np.clip(standardised, -_CUT, _CUT)
    first, second = np.triu_indices(cut.shape[1])
    return np.concatenate([np.ones((len(cut), 1)), cut, cut[:, first] * cut[:, second]], axis=1)


@dataclass(frozen=True, slots=True)
class LeakScore:
    """One fitted score.

    >>> score = leak_score("aged")
    >>> score(np.zeros((2, len(FEATURES)))).shape
    (2,)
    """

    means: NDArray[np.float64]
    deviations: NDArray[np.float64]
    matrix: NDArray[np.float64]
    """Quadratic part."""
    slopes: NDArray[np.float64]
    constant: float
    """Less the logit that an alarm takes."""

    @classmethod
    def from_terms(
        cls,
        means: NDArray[np.float64],
        deviations: NDArray[np.float64],
        weights: NDArray[np.float64],
        threshold: float,
    ) -> LeakScore:
        """From one weight for each of the `products`, and the logit that an alarm takes."""
        n = len(means)
        matrix = np.zeros((n, n))
        matrix[np.triu_indices(n)] = weights[1 + n :]
        return cls(means, deviations, matrix, weights[1 : 1 + n], float(weights[0]) - threshold)

    def logit(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Above 0 where an alarm is due."""
        z = np.clip((features - self.means) / self.deviations, -_CUT, _CUT)
        return np.asarray(((z @ self.matrix) * z).sum(axis=1) + z @ self.slopes + self.constant)

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Odds over those that an alarm takes: 1 at the threshold."""
        return np.exp(np.clip(self.logit(features), -_LARGEST_LOGIT, _LARGEST_LOGIT))


@cache
def leak_score(name: str) -> LeakScore:
    """The fitted score of this name, one of `LEAK_SCORES`."""
    text = resources.files(__package__).joinpath("leak_scores.json").read_text()
    fitted = json.loads(text)["scores"][name]
    if tuple(fitted["features"]) != LEAK_SCORES[name]:
        raise ValueError(f"leak score {name!r} was fitted to other features than there are now")
    return LeakScore.from_terms(
        np.array(fitted["means"]),
        np.array(fitted["deviations"]),
        np.array(fitted["weights"]),
        fitted["threshold"],
    )
