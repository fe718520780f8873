"""Random processes that counts are made of, for many series at once (time first, series second)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["autoregressive", "column", "log_uniform", "lowpass", "population", "uniform"]


def log_uniform(rng: np.random.Generator, low: float, high: float, n: int) -> NDArray[np.float64]:
    """Draws whose logarithm is uniform."""
    return np.asarray(low * (high / low) ** rng.random(n), dtype=np.float64)


def uniform(rng: np.random.Generator, low: float, high: float, n: int) -> NDArray[np.float64]:
    """Uniform draws."""
    return np.asarray(low + (high - low) * rng.random(n), dtype=np.float64)


def autoregressive(
    rng: np.random.Generator, steps: int, correlation_steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gaussian AR(1) noise of unit variance, one correlation time (in steps) per series."""
    keep = np.exp(-1.0 / np.maximum(correlation_steps, 1e-3))
    noise = rng.standard_normal((steps, len(keep)))
    noise[1:] *= np.sqrt(1.0 - keep * keep)
    for step in range(1, steps):
        noise[step] += keep * noise[step - 1]
    return noise


def lowpass(signal: NDArray[np.float64], time_steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """First-order lag of a signal, starting where the signal starts."""
    share = 1.0 - np.exp(-1.0 / np.maximum(time_steps, 1e-3))
    out = np.array(signal, dtype=np.float64)
    for step in range(1, len(out)):
        out[step] = out[step - 1] + share * (signal[step] - out[step - 1])
    return out


def population(
    rng: np.random.Generator,
    arrivals_per_second: NDArray[np.float64],
    hold_seconds: NDArray[np.float64],
    step_seconds: float,
    killed: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """How many are present when arrivals are Poisson and leave after exponential times (M/M/inf).

    ``hold_seconds`` may be one per series or change with time; whoever is present before a
    ``killed`` step leaves with the process.
    """
    steps, series = arrivals_per_second.shape
    hold = np.broadcast_to(np.asarray(hold_seconds, dtype=np.float64), (steps, series))
    stay = np.exp(-step_seconds / hold)
    mean = arrivals_per_second * hold * (1.0 - stay)
    stay = np.where(killed, 0.0, stay)
    present = np.empty((steps, series), dtype=np.int64)
    present[0] = rng.poisson(arrivals_per_second[0] * hold[0])
    for step in range(1, steps):
        present[step] = rng.binomial(present[step - 1], stay[step]) + rng.poisson(mean[step])
    return present


def column(values: ArrayLike) -> NDArray[np.float64]:
    """A row of one figure per series, to be combined with a column of times."""
    return np.asarray(values, dtype=np.float64)[None, :]
