"""What the simulator makes: batches of labelled series on one clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Clock", "SimulatedSeries"]


@dataclass(frozen=True, slots=True)
class Clock:
    """Samples every ``step_seconds``, so many of them."""

    steps: int
    step_seconds: float

    @property
    def length_seconds(self) -> float:
        """Length of a series."""
        return self.steps * self.step_seconds


@dataclass(frozen=True, slots=True)
class SimulatedSeries:
    """Series of one family; arrays are steps x series unless said otherwise."""

    family: str
    leaking: bool
    kind: str
    """``total`` or ``stack``."""
    clock: Clock
    count: NDArray[np.int64]
    restart: NDArray[np.bool_]
    """Whether the sample is the first of a new process."""
    onset_seconds: NDArray[np.float64]
    """One per series: when the first goroutine leaks; NaN for benign series."""
    rate: NDArray[np.float64] | None = None
    """Requests per second, of totals."""
    aged: NDArray[np.int64] | None = None
    """Goroutines of the count older than ten minutes, of stacks."""
