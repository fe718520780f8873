"""The detectors by the names people give on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from goleakprobe_agents.detection import (
    MODELS,
    DualWindow,
    DualWindowParameters,
    EvidenceEngine,
    EvidenceParameters,
    OnlineModels,
    RisingFloor,
    Verdicts,
)
from goleakprobe_agents.detection.protocol import NEVER_NS, accept

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from goleakprobe.simulate.recipe import Kind
    from goleakprobe_agents.detection import Detector

__all__ = ["CONTESTANTS", "DEFAULT", "StaticThreshold", "contestant"]

DEFAULT = "evidence"


class StaticThreshold:
    """The oldest alarm of all: more goroutines than a fixed number.

    Score: the count. It has no windows and no memory beside the newest sample.
    """

    def __init__(self, limit: float = 10_000.0) -> None:
        self._limit = limit
        self._newest = np.zeros(0, dtype=np.int64)
        self._values = np.zeros(0)

    @property
    def rows(self) -> int:
        """How many rows the bank has."""
        return len(self._values)

    def resize(self, rows: int) -> None:
        """Grow or shrink; new rows are empty."""
        more = max(rows - self.rows, 0)
        self._newest = np.append(self._newest[:rows], np.full(more, NEVER_NS))
        self._values = np.append(self._values[:rows], np.full(more, np.nan))

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Forget these rows."""
        self._newest[rows] = NEVER_NS
        self._values[rows] = np.nan

    def update(
        self,
        rows: NDArray[np.int64],
        times_ns: NDArray[np.int64],
        values: NDArray[np.float64],
        *,
        rate: NDArray[np.float64] | None = None,
        aged: NDArray[np.float64] | None = None,
        process_start_ns: NDArray[np.int64] | None = None,
    ) -> Verdicts:
        """One sample per row."""
        fresh = accept(rows, times_ns, values, self._newest)
        self._newest[fresh.rows] = fresh.times_ns
        self._values[fresh.rows] = fresh.values
        score = self._values[rows]
        limit = np.full(len(rows), self._limit)
        with np.errstate(invalid="ignore"):
            return Verdicts(score.copy(), limit, score > limit, {})

    def dump(self) -> bytes:
        """Newest times and counts."""
        return self._newest.tobytes() + self._values.tobytes()

    def load(self, state: bytes) -> None:
        """Replace the bank; ValueError for a length that cannot be."""
        if len(state) % 16:
            raise ValueError("state is damaged: it holds no whole number of rows")
        half = len(state) // 2
        self._newest = np.frombuffer(state[:half], dtype=np.int64).copy()
        self._values = np.frombuffer(state[half:], dtype=np.float64).copy()


def _evidence(kind: Kind) -> Detector:
    parameters = EvidenceParameters() if kind == "stack" else EvidenceParameters.for_totals()
    return EvidenceEngine(parameters)


def _model(name: str) -> Callable[[Kind], Detector]:
    return lambda kind: OnlineModels(name)


CONTESTANTS: dict[str, Callable[[Kind], Detector]] = {
    "evidence": _evidence,
    "rising_floor": lambda kind: RisingFloor(),
    "dual_window": lambda kind: DualWindow(),
    "dual_window_lagged": lambda kind: DualWindow(DualWindowParameters(lagged=True)),
    "static": lambda kind: StaticThreshold(),
    **{name: _model(name) for name in MODELS},
}
"""How to make each detector for a kind of series."""


def contestant(name: str, kind: Kind) -> Detector:
    """A fresh, empty bank; ValueError for a name that is not there."""
    if name not in CONTESTANTS:
        raise ValueError(f"there is no detector {name!r}; choose one of {', '.join(CONTESTANTS)}")
    return CONTESTANTS[name](kind)
