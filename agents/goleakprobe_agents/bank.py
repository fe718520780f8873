"""The detectors of stage one, side by side over the same rows.

Rows are of two kinds, which are judged by different rules: the total of a target, whose growth
may be excused by its request rate, and one signature of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from goleakprobe_agents.detection.dual_window import DualWindow, DualWindowParameters
from goleakprobe_agents.detection.evidence_engine import EvidenceEngine, EvidenceParameters
from goleakprobe_schemas import DualWindowFigures, GrowthFigures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.detection.protocol import Verdicts
    from goleakprobe_agents.settings import DetectionSettings

__all__ = ["SeriesBank", "SeriesVerdicts", "dual_window_figures", "dual_window_parameters"]

_FIRST_ROWS = 256


def dual_window_parameters(settings: DetectionSettings) -> DualWindowParameters:
    """The formula's parameters as configured."""
    return DualWindowParameters(
        short_seconds=float(settings.short_window),
        long_seconds=float(settings.long_window),
        alpha=settings.alpha,
        beta=settings.beta,
    )


def dual_window_figures(verdicts: Verdicts, place: int) -> DualWindowFigures:
    """One row's verdict as it travels in events; figures that do not exist yet are None."""
    reasons = verdicts.reasons
    return DualWindowFigures(
        value=float(np.nan_to_num(reasons["value"][place])),
        short_mean=_known(reasons["short_mean"][place]),
        long_mean=_known(reasons["long_mean"][place]),
        long_deviation=_known(reasons["long_deviation"][place]),
        threshold=_known(reasons["threshold"][place]),
        z=_known(reasons["z"][place]),
        alarm=bool(verdicts.alarm[place]),
    )


class _BankState(msgspec.Struct):
    rows: int
    windows: bytes
    floors: bytes


class SeriesVerdicts:
    """What the detectors said of one update, by place in it."""

    def __init__(self, windows: Verdicts, floors: Verdicts) -> None:
        self._windows = windows
        self._floors = floors

    def rising(self, place: int) -> bool:
        """Whether the evidence engine sees a leak."""
        return bool(self._floors.alarm[place])

    def bursting(self, place: int) -> bool:
        """Whether the newest count broke the dual-window threshold."""
        return bool(self._windows.alarm[place])

    def dual_window(self, place: int) -> DualWindowFigures:
        """The dual-window threshold's numbers."""
        return dual_window_figures(self._windows, place)

    def growth(self, place: int) -> GrowthFigures | None:
        """The rising floor's numbers; None before there are enough buckets."""
        floors = self._floors
        score = float(floors.score[place])
        if math.isnan(score):
            return None
        reasons = floors.reasons
        onset = int(reasons["onset_ns"][place])
        return GrowthFigures(
            score=score,
            threshold=float(floors.threshold[place]),
            alarm=bool(floors.alarm[place]),
            per_hour=_finite(reasons["per_hour"][place]),
            per_hour_low=_finite(reasons["per_hour_low"][place]),
            per_hour_high=_finite(reasons["per_hour_high"][place]),
            floor=_finite(reasons["floor"][place]),
            onset_ns=onset or None,
            scale_seconds=float(reasons["scale_seconds"][place]),
        )


class SeriesBank:
    """A dual-window threshold and the evidence engine for every row.

    Rows grow in doubling steps, so adding series one at a time stays cheap. ``totals`` says that
    the rows are totals of targets, else they are signatures.
    """

    def __init__(self, settings: DetectionSettings, *, totals: bool = False) -> None:
        self._windows = DualWindow(dual_window_parameters(settings))
        # Ages are known only where dumps with ids are taken, which is rare: growth is judged by
        # counts, and ids are evidence of their own.
        self._floors = EvidenceEngine(
            EvidenceParameters.for_totals() if totals else EvidenceParameters(with_aged=False)
        )
        self._rows = 0

    def resize(self, rows: int) -> None:
        """Make sure that at least so many rows exist."""
        if rows > self._rows:
            self._rows = max(rows, 2 * self._rows, _FIRST_ROWS)
            self._windows.resize(self._rows)
            self._floors.resize(self._rows)

    def reset(self, rows: Sequence[int]) -> None:
        """Forget these rows, to be used for other series."""
        known = np.array([row for row in rows if row < self._rows], dtype=np.int64)
        self._windows.reset(known)
        self._floors.reset(known)

    def update(
        self,
        rows: Sequence[int],
        times_ns: Sequence[int],
        values: Sequence[float],
        process_starts_ns: Sequence[int],
        rates: Sequence[float] | None = None,
    ) -> SeriesVerdicts:
        """One sample for each of these rows; a rate of NaN and a start of 0 are not known."""
        at = np.array(rows, dtype=np.int64)
        times = np.array(times_ns, dtype=np.int64)
        counts = np.array(values, dtype=np.float64)
        return SeriesVerdicts(
            self._windows.update(at, times, counts),
            self._floors.update(
                at,
                times,
                counts,
                rate=None if rates is None else np.array(rates, dtype=np.float64),
                process_start_ns=np.array(process_starts_ns, dtype=np.int64),
            ),
        )

    def dump(self) -> bytes:
        """Both detectors' state."""
        state = _BankState(self._rows, self._windows.dump(), self._floors.dump())
        return msgspec.msgpack.encode(state)

    def load(self, state: bytes) -> None:
        """Replace the state; ValueError for bytes of another version or other parameters."""
        loaded = msgspec.msgpack.decode(state, type=_BankState)
        self._windows.load(loaded.windows)
        self._floors.load(loaded.floors)
        self._rows = loaded.rows


def _known(figure: float) -> float | None:
    return float(figure) if math.isfinite(figure) else None


def _finite(figure: float) -> float:
    return float(figure) if math.isfinite(figure) else 0.0
