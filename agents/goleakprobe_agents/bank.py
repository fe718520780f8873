"""The detectors of stage one, side by side over the same rows.

Rows are of two kinds, which are judged by different rules: the total of a target, whose growth
may be excused by its request rate, and one signature of it.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import numpy as np

from goleakprobe_agents.detection.dual_window import DualWindow, DualWindowParameters
from goleakprobe_agents.detection.evidence_engine import EvidenceEngine, EvidenceParameters
from goleakprobe_agents.detection.row_store import bytes_in
from goleakprobe_schemas import DualWindowFigures, GrowthFigures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from goleakprobe_agents.detection.protocol import Verdicts
    from goleakprobe_agents.detection.row_store import Parts
    from goleakprobe_agents.settings import DetectionSettings

__all__ = ["SeriesBank", "SeriesVerdicts", "dual_window_figures", "dual_window_parameters", "grown"]

_FIRST_ROWS = 256
_HEAD = struct.Struct("<QQ")  # rows, bytes of the windows


def grown(rows: int, wanted: int) -> int:
    """To how many rows to grow: in steps of a quarter, so adding them one at a time stays cheap.

    Every row is part of the state, used or not, so there should not be many more than wanted.
    """
    return max(wanted, rows + rows // 4, _FIRST_ROWS)


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
        value=_finite(reasons["value"][place]),
        short_mean=_known(reasons["short_mean"][place]),
        long_mean=_known(reasons["long_mean"][place]),
        long_deviation=_known(reasons["long_deviation"][place]),
        threshold=_known(reasons["threshold"][place]),
        z=_known(reasons["z"][place]),
        alarm=bool(verdicts.alarm[place]),
    )


class SeriesVerdicts:
    """What the detectors said of one update, by place in it."""

    def __init__(self, windows: Verdicts, floors: Verdicts) -> None:
        self._windows = windows
        self._floors = floors

    @property
    def rising(self) -> NDArray[np.bool_]:
        """Where the evidence engine sees a leak."""
        return self._floors.alarm

    @property
    def bursting(self) -> NDArray[np.bool_]:
        """Where the newest count broke the dual-window threshold."""
        return self._windows.alarm

    def dual_window(self, place: int) -> DualWindowFigures:
        """The dual-window threshold's numbers."""
        return dual_window_figures(self._windows, place)

    def growth(self, place: int) -> GrowthFigures | None:
        """The rise's numbers; None while there is no rise to speak of, or too few buckets."""
        floors = self._floors
        score = float(floors.score[place])
        reasons = floors.reasons
        if math.isnan(score) or math.isnan(reasons["per_hour"][place]):
            return None
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
            fast=bool(reasons["fast"][place] == floors.score[place]),
        )


class SeriesBank:
    """A dual-window threshold and the evidence engine for every row.

    ``totals`` says that the rows are totals of targets, else they are signatures.
    """

    def __init__(self, settings: DetectionSettings, *, totals: bool = False) -> None:
        self._windows = DualWindow(dual_window_parameters(settings))
        # Ages are known only where dumps with ids are taken, which is rare: growth is judged by
        # counts, and ids are evidence of their own.
        self._floors = EvidenceEngine(
            EvidenceParameters.for_totals()
            if totals
            else EvidenceParameters(with_aged=False, unbroken=True)
        )
        self._rows = 0

    def resize(self, rows: int) -> None:
        """Make sure that at least so many rows exist."""
        if rows > self._rows:
            self._rows = grown(self._rows, rows)
            self._windows.resize(self._rows)
            self._floors.resize(self._rows)

    def reset(self, rows: Sequence[int] | NDArray[np.int64]) -> None:
        """Forget these rows, to be used for other series."""
        given = np.asarray(rows, dtype=np.int64)
        known = given[given < self._rows]
        self._windows.reset(known)
        self._floors.reset(known)

    def note_turnover(self, shares: Mapping[int, float]) -> None:
        """Which share of a row's goroutines ended between two dumps: see `FastRise`."""
        known = [row for row in shares if row < self._rows]
        rows = np.array(known, dtype=np.int64)
        self._floors.note_turnover(rows, np.array([shares[row] for row in known]))

    def update(
        self,
        rows: Sequence[int] | NDArray[np.int64],
        times_ns: Sequence[int] | NDArray[np.int64],
        values: Sequence[float] | NDArray[np.float64],
        process_starts_ns: Sequence[int] | NDArray[np.int64],
        rates: Sequence[float] | None = None,
    ) -> SeriesVerdicts:
        """One sample for each of these rows; a rate of NaN and a start of 0 are not known."""
        at = np.asarray(rows, dtype=np.int64)
        times = np.asarray(times_ns, dtype=np.int64)
        counts = np.asarray(values, dtype=np.float64)
        return SeriesVerdicts(
            self._windows.update(at, times, counts),
            self._floors.update(
                at,
                times,
                counts,
                rate=None if rates is None else np.asarray(rates, dtype=np.float64),
                process_start_ns=np.asarray(process_starts_ns, dtype=np.int64),
            ),
        )

    def parts(self) -> Parts:
        """Both detectors' state, in pieces (see RowStore.parts)."""
        windows = self._windows.parts()
        return [_HEAD.pack(self._rows, bytes_in(windows)), *windows, *self._floors.parts()]

    def load(self, state: bytes) -> None:
        """Replace the state; ValueError for bytes of another version or other parameters."""
        try:
            rows, size = _HEAD.unpack_from(state)
        except struct.error as error:
            raise ValueError("a bank's state is cut short") from error
        windows = _HEAD.size + size
        self._windows.load(state[_HEAD.size : windows])
        self._floors.load(state[windows:])
        self._rows = rows


def _known(figure: float) -> float | None:
    return float(figure) if math.isfinite(figure) else None


def _finite(figure: float) -> float:
    return float(figure) if math.isfinite(figure) else 0.0
