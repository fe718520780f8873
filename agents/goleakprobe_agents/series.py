"""The detectors of stage two: the dual-window threshold and one online model per service."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from goleakprobe_agents.bank import dual_window_figures, dual_window_parameters
from goleakprobe_agents.detection.dual_window import DualWindow
from goleakprobe_agents.detection.models import OnlineModels
from goleakprobe_schemas import DualWindowFigures, ModelScore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.settings import DetectionSettings

__all__ = ["ServiceSeries", "ServiceVerdict"]

_FIRST_ROWS = 64


class ServiceVerdict(msgspec.Struct, frozen=True):
    """What both say of one service's newest value."""

    dual_window: DualWindowFigures
    model: ModelScore | None
    """None while the model has seen too little to score."""


class _SeriesState(msgspec.Struct):
    rows: int
    windows: bytes
    models: bytes


class ServiceSeries:
    """One row a service; rows grow in doubling steps."""

    def __init__(self, settings: DetectionSettings) -> None:
        self._windows = DualWindow(dual_window_parameters(settings))
        self._models = OnlineModels(settings.model)
        self._rows = 0

    def resize(self, rows: int) -> None:
        """Make sure that at least so many rows exist."""
        if rows > self._rows:
            self._rows = max(rows, 2 * self._rows, _FIRST_ROWS)
            self._windows.resize(self._rows)
            self._models.resize(self._rows)

    def update(
        self, rows: Sequence[int], times_ns: Sequence[int], values: Sequence[float]
    ) -> list[ServiceVerdict]:
        """One value for each of these rows; answers in the same order."""
        at = np.array(rows, dtype=np.int64)
        times = np.array(times_ns, dtype=np.int64)
        means = np.array(values, dtype=np.float64)
        windows = self._windows.update(at, times, means)
        models = self._models.update(at, times, means)
        return [
            ServiceVerdict(
                dual_window_figures(windows, place),
                self._score(models.score[place], models.threshold[place], models.alarm[place]),
            )
            for place in range(len(at))
        ]

    def dump(self) -> bytes:
        """Both detectors' state."""
        state = _SeriesState(self._rows, self._windows.dump(), self._models.dump())
        return msgspec.msgpack.encode(state)

    def load(self, state: bytes) -> None:
        """Replace the state; ValueError for bytes of another version or other parameters."""
        loaded = msgspec.msgpack.decode(state, type=_SeriesState)
        self._windows.load(loaded.windows)
        self._models.load(loaded.models)
        self._rows = loaded.rows

    def _score(self, score: float, threshold: float, alarm: bool) -> ModelScore | None:
        if math.isnan(score):
            return None
        return ModelScore(
            model=self._models.model,
            score=float(score),
            threshold=float(threshold),
            alarm=bool(alarm),
        )
