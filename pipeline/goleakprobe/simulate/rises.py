"""What the leak scores are fitted to: every rise that a bank sees in many simulated series.

Each score's own choices, what it looks at and how strictly it is fitted, are its `Recipe`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goleakprobe.simulate.recipe import simulate
from goleakprobe_agents.detection import RisingFloor, RisingFloorParameters
from goleakprobe_agents.detection.evidence_engine import AGED_FLOORS, COUNT_FLOORS, TOTAL_FLOORS
from goleakprobe_agents.detection.leak_odds import EARLY_BUCKET_SECONDS, EARLY_SECONDS
from goleakprobe_agents.detection.leak_score import LEAK_SCORES
from goleakprobe_agents.detection.protocol import SECOND_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe.simulate.recipe import Kind
    from goleakprobe.simulate.series import SimulatedSeries

__all__ = ["RECIPES", "SEED", "SERIES", "Recipe", "Rises", "gather"]

SEED = 11
SERIES = 30_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a score is fitted to, and how."""

    name: str
    kind: Kind
    floors: RisingFloorParameters
    false_alarms: float
    """Share of the benign series that may alarm."""
    ridge: float = 1e-4
    soon_weight: float = 0.03
    by_stay: bool = False
    """Of counts with their aged beside them, instead of floors alone."""
    thinned: bool = False
    """Every third batch of series is watched at only one sample in four: a minute apart."""
    only_young: bool = False
    """Of rises younger than `EARLY_SECONDS` only, with leaks no older than that."""

    @property
    def features(self) -> tuple[str, ...]:
        """Their names, in order."""
        return LEAK_SCORES[self.name]

    def knows(self, rises: Rises) -> NDArray[np.bool_]:
        """Which of the rises a score of this recipe is to learn from."""
        if not self.only_young:
            return np.ones(len(rises.series), dtype=np.bool_)
        elapsed = np.exp(rises.features[:, self.features.index("elapsed")]) - 60.0
        scale = 240.0 * np.exp(rises.features[:, self.features.index("scale")])
        young = (elapsed < EARLY_SECONDS + 1) & (scale < EARLY_BUCKET_SECONDS + 1)
        since = rises.seconds - rises.onset[rises.series]
        late = rises.leaking[rises.series] & (since > EARLY_SECONDS)
        return np.asarray(young & ~late, dtype=np.bool_)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("count", "stack", COUNT_FLOORS, 0.004),
        Recipe("aged", "stack", AGED_FLOORS, 0.0033),
        Recipe("total", "total", TOTAL_FLOORS, 0.027, ridge=3e-3),
        Recipe("stay", "stack", COUNT_FLOORS, 0.001, ridge=1e-3, by_stay=True, thinned=True),
        Recipe(
            "early", "stack", COUNT_FLOORS, 0.0038,
            ridge=1e-3, soon_weight=0.0, by_stay=True, thinned=True, only_young=True,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rises:
    """Every rise of many series; the first three arrays have one entry a rise."""

    series: NDArray[np.int64]
    seconds: NDArray[np.float64]
    features: NDArray[np.float64]
    leaking: NDArray[np.bool_]
    """One per series, as the next two."""
    onset: NDArray[np.float64]
    family: NDArray[np.str_]

    def chosen(self, rises: NDArray[np.bool_]) -> Rises:
        """Only some rises, of all series."""
        return Rises(
            self.series[rises], self.seconds[rises], self.features[rises],
            self.leaking, self.onset, self.family,
        )  # fmt: skip

    def of(self, keep: NDArray[np.bool_]) -> Rises:
        """Only the rises of some series."""
        at = keep[self.series]
        number = np.cumsum(keep) - 1
        return Rises(
            number[self.series[at]], self.seconds[at], self.features[at],
            self.leaking[keep], self.onset[keep], self.family[keep],
        )  # fmt: skip


def gather(recipe: Recipe, *, count: int = SERIES, seed: int = SEED) -> Rises:
    """Watch what the recipe asks for over simulated series of the tune split."""
    series, seconds, features = [], [], []
    leaking, onset, family = [], [], []
    begin = 0
    for number, batch in enumerate(simulate(count, kind=recipe.kind, split="tune", seed=seed)):
        every = 4 if recipe.thinned and number % 3 == 2 else 1
        for second, rows, figures in _watch(batch, recipe, every):
            series.append(rows + begin)
            seconds.append(np.full(len(rows), second))
            features.append(figures.astype(np.float32))
        begin += batch.count.shape[1]
        leaking.append(np.full(batch.count.shape[1], batch.leaking))
        onset.append(np.nan_to_num(batch.onset_seconds))
        family.append(np.full(batch.count.shape[1], batch.family))
    found = Rises(
        np.concatenate(series), np.concatenate(seconds), np.concatenate(features),
        np.concatenate(leaking), np.concatenate(onset), np.concatenate(family),
    )  # fmt: skip
    return found.chosen(recipe.knows(found))


def _watch(
    batch: SimulatedSeries, recipe: Recipe, every: int
) -> list[tuple[float, NDArray[np.int64], NDArray[np.float64]]]:
    seen: list[tuple[float, NDArray[np.int64], NDArray[np.float64]]] = []
    now = 0.0
    ages = RisingFloor(AGED_FLOORS) if recipe.by_stay else None
    watched = RisingFloor(
        recipe.floors, lambda rows, figures: seen.append((now, rows, figures)), aged=ages
    )
    banks = [watched] if ages is None else [ages, watched]
    steps, n = batch.count.shape
    for bank in banks:
        bank.resize(n)
    starts = np.zeros(n, dtype=np.int64)
    for step in range(steps):
        now = step * batch.clock.step_seconds
        time_ns = round(now * SECOND_NS) + 10 * SECOND_NS
        starts = np.where(batch.restart[step], time_ns, starts)
        for bank in banks if step % every == 0 else ():
            bank.update(
                np.arange(n),
                np.full(n, time_ns, dtype=np.int64),
                batch.count[step].astype(np.float64),
                aged=None if batch.aged is None else batch.aged[step].astype(np.float64),
                rate=None if batch.rate is None else batch.rate[step],
                process_start_ns=starts,
            )
    return seen
