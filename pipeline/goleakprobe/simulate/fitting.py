"""Fit the leak scores anew: ``python -m goleakprobe.simulate.fitting [--leave-one-out]``.

The recipe, so that the coefficients can be made again: series of the ``tune`` split, four hours at
15 s, half of them leaking, from `SEED`. A series is a bag of rises, one for each bucket that closed
on each scale; it is scored by its highest. A logistic score of the features, their squares and
products is fitted so that the highest rise of a leaking series after its onset scores high, and
every rise of a benign series, or before the onset, low. Which rise is the highest changes with the
score, so the fit is repeated; the rises that ever were the highest of a benign bag stay in.

The threshold leaves a small share of the benign series of the fit alarming. Each score's own
choices are its `Recipe`.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import goleakprobe_agents.detection.leak_score as scores
from goleakprobe.simulate.outcomes import area_under_curve
from goleakprobe.simulate.recipe import families_of
from goleakprobe.simulate.rises import RECIPES, SEED, SERIES, gather
from goleakprobe_agents.detection.leak_score import LEAK_SCORES, products

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe.simulate.rises import Recipe, Rises

__all__ = ["fit", "main"]

ROUNDS = 10
SOON_SECONDS = 2700.0
"""A leak found within this time of its onset counts more: see `Recipe.soon_weight`."""
BEFORE_WEIGHT = 0.5
"""What a series before its onset counts beside a benign one."""
LEAST_DEVIATION = 1e-3
"""A feature that is always the same tells nothing, whatever its last digits are."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One weight for each of the `products` of standardised features, and the threshold."""

    means: NDArray[np.float64]
    deviations: NDArray[np.float64]
    weights: NDArray[np.float64]
    threshold: float = 0.0

    def logits(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of many rises, a part at a time."""
        score = scores.LeakScore.from_terms(
            self.means, self.deviations, self.weights, self.threshold
        )
        parts = np.array_split(features, max(len(features) // 50_000, 1))
        return np.concatenate([score.logit(part) for part in parts])


@dataclass(frozen=True, slots=True)
class _Bags:
    """Rises by bag, all of one label and one weight."""

    rises: NDArray[np.int64]
    first: NDArray[np.int64]
    leaking: bool
    weight: float

    def highest(self, logits: NDArray[np.float64]) -> NDArray[np.int64]:
        """The rise of each bag that scores highest."""
        mine = logits[self.rises]
        sizes = np.diff(np.append(self.first, len(mine)))
        bag = np.repeat(np.arange(len(sizes)), sizes)
        at = np.flatnonzero(mine >= np.maximum.reduceat(mine, self.first)[bag])
        return self.rises[at[np.unique(bag[at], return_index=True)[1]]]


def _bags(rises: Rises, soon_weight: float) -> list[_Bags]:
    leaking, onset = rises.leaking[rises.series], rises.onset[rises.series]
    after = rises.seconds >= onset
    leaks, good = max(int(rises.leaking.sum()), 1), max(int((~rises.leaking).sum()), 1)
    soon = rises.seconds <= onset + SOON_SECONDS
    kinds = [
        (~leaking, False, 1 / good),
        (leaking & after, True, 1 / leaks),
        (leaking & ~after, False, BEFORE_WEIGHT / leaks),
        (leaking & after & soon, True, soon_weight / leaks),
    ]
    bags = []
    for chosen, label, weight in kinds:
        at = np.flatnonzero(chosen)
        at = at[np.argsort(rises.series[at], kind="stable")]
        if len(at) and weight:
            first = np.flatnonzero(np.diff(rises.series[at], prepend=-1))
            bags.append(_Bags(at, first, label, weight))
    return bags


def fit(rises: Rises, recipe: Recipe, *, rounds: int = ROUNDS) -> Fit:
    """The score that tells these series best."""
    names = recipe.features
    means, deviations = rises.features.mean(axis=0), rises.features.std(axis=0)
    deviations = np.where(deviations > LEAST_DEVIATION, deviations, 1.0)
    weights = np.zeros(1 + len(names) * (len(names) + 3) // 2)
    for name, guess in (("sure", 1.0), ("share", 1.0), ("late", 1.0), ("drawdown", -1.0)):
        weights[1 + names.index(name)] = guess
    bags = _bags(rises, recipe.soon_weight)
    kept = [np.zeros(0, dtype=np.int64) for _ in bags]
    found = Fit(means.astype(np.float64), deviations.astype(np.float64), weights)
    for _ in range(rounds):
        logits = found.logits(rises.features)
        rows, labels, importance = [], [], []
        for place, bag in enumerate(bags):
            top = bag.highest(logits)
            if not bag.leaking:
                top = kept[place] = np.union1d(kept[place], top)
            often = np.bincount(rises.series[top], minlength=len(rises.leaking))
            rows.append(top)
            labels.append(np.full(len(top), bag.leaking))
            importance.append(bag.weight / np.sqrt(often[rises.series[top]]))
        at = np.concatenate(rows)
        terms = products((rises.features[at] - found.means) / found.deviations)
        solved = _solve(
            terms, np.concatenate(labels), np.concatenate(importance), found.weights, recipe.ridge
        )
        found = Fit(found.means, found.deviations, solved)
    best = best_logits(rises, found)
    limit = float(np.quantile(best[~rises.leaking], 1 - recipe.false_alarms))
    return Fit(found.means, found.deviations, found.weights, limit)


def _solve(
    terms: NDArray[np.float64],
    leaking: NDArray[np.bool_],
    importance: NDArray[np.float64],
    begin: NDArray[np.float64],
    ridge: float,
) -> NDArray[np.float64]:
    """Ridge-penalised logistic regression by damped Newton steps."""
    target = leaking.astype(np.float64)
    penalty = np.full(len(begin), ridge)
    penalty[0] = 1e-9

    def loss(weights: NDArray[np.float64]) -> float:
        z = terms @ weights
        return float(
            (importance * (np.logaddexp(0, z) - target * z)).sum() + (penalty * weights**2).sum()
        )

    weights, value = begin, loss(begin)
    for _ in range(60):
        likely = 1 / (1 + np.exp(-np.clip(terms @ weights, -40, 40)))
        slope = terms.T @ (importance * (likely - target)) + 2 * penalty * weights
        bend = (terms * (importance * likely * (1 - likely))[:, None]).T @ terms
        move = np.linalg.solve(bend + np.diag(2 * penalty + 1e-12), slope)
        step = 1.0
        while step > 1e-4 and loss(weights - step * move) > value:
            step /= 2
        weights = weights - step * move
        before, value = value, loss(weights)
        if before - value < 1e-9:
            break
    return weights


def best_logits(rises: Rises, fitted: Fit) -> NDArray[np.float64]:
    """The highest score of each series, from the onset on where it leaks."""
    best = np.full(len(rises.leaking), -30.0)
    counted = rises.seconds >= rises.onset[rises.series]
    logits = fitted.logits(rises.features)
    np.maximum.at(best, rises.series[counted], logits[counted])
    return best


def _leave_one_out(recipe: Recipe, rises: Rises) -> None:
    """Print what becomes of each family when the fit has never seen its like."""
    known = best_logits(rises, fit(rises, recipe))
    print("| family left out | alarmed %, fitted with it | without it | AUC without it |")
    print("|---|---|---|---|")
    for family in families_of(recipe.kind, "tune"):
        out = rises.family == family
        fitted = fit(rises.of(~out), recipe, rounds=6)
        best = best_logits(rises, fitted)
        others = best[rises.leaking != rises.leaking[out][0]]
        ends = (best[out], others) if not rises.leaking[out][0] else (others, best[out])
        print(
            f"| {recipe.name}: {family.replace('_', ' ')} | {100 * (known[out] >= 0).mean():.1f} | "
            f"{100 * (best[out] >= 0).mean():.1f} | {area_under_curve(*ends):.4f} |",
            flush=True,
        )


def main(arguments: list[str] | None = None) -> int:
    """Fit all scores and write the file of coefficients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--score", action="append", choices=LEAK_SCORES)
    parser.add_argument("--series", type=int, default=SERIES)
    parser.add_argument("--leave-one-out", action="store_true", help="print, write nothing")
    parser.add_argument(
        "--output", type=Path, default=Path(scores.__file__).with_name("leak_scores.json")
    )
    options = parser.parse_args(arguments)
    known = json.loads(options.output.read_text())["scores"] if options.output.exists() else {}
    for name in options.score or LEAK_SCORES:
        recipe = RECIPES[name]
        rises = gather(recipe, count=options.series)
        if options.leave_one_out:
            _leave_one_out(recipe, rises)
            continue
        fitted = fit(rises, recipe)
        best = best_logits(rises, fitted)
        area = area_under_curve(best[~rises.leaking], best[rises.leaking])
        missed = float((best[rises.leaking] < 0).mean())
        print(f"{name}: AUC {area:.5f}, {100 * missed:.2f} % missed", file=sys.stderr)
        known[name] = {
            "features": list(recipe.features),
            "means": [round(float(v), 5) for v in fitted.means],
            "deviations": [round(float(v), 5) for v in fitted.deviations],
            "threshold": round(fitted.threshold, 5),
            "weights": [round(float(v), 5) for v in fitted.weights],
        }
    if not options.leave_one_out:
        provenance = (
            "fitted by python -m goleakprobe.simulate.fitting to "
            f"{options.series} simulated series of the tune split a score, seed {SEED}"
        )
        options.output.write_text(
            json.dumps({"provenance": provenance, "scores": known}, indent=1) + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
