"""The default judge of a series: floors, ages and the request rate weighed together.

- A signature's *aged* goroutines (certainly older than ten minutes) are its strongest channel: a
  pool is old and does not grow, requests in flight grow and are not old. Where ages are known the
  long scales judge the floor of the aged count; only the shortest scale, which sees a fast leak
  before anything can have aged, judges the count itself.
- Without ages the floor of the count is judged on every scale.
- Totals are judged with the request rate, which gets the benefit of the doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from goleakprobe_agents.detection.protocol import Verdicts
from goleakprobe_agents.detection.rising_floor import (
    LONG_SCALES,
    RisingFloor,
    RisingFloorParameters,
)
from goleakprobe_agents.detection.row_store import bytes_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe_agents.detection.row_store import Parts

__all__ = ["AGED_FLOORS", "TOTAL_FLOORS", "EvidenceEngine", "EvidenceParameters"]

AGED_FLOORS = RisingFloorParameters(LONG_SCALES, with_rate=False, of="aged", fast=False)
TOTAL_FLOORS = RisingFloorParameters(LONG_SCALES, with_rate=True, of="total", fast=False)


@dataclass(frozen=True, slots=True)
class EvidenceParameters:
    """What the rows are: signatures (``stack``) with ages, or totals with the request rate."""

    stack: bool = True
    with_aged: bool = True
    with_rate: bool = False
    unbroken: bool = False
    """See `RisingFloorParameters`."""

    @classmethod
    def for_totals(cls) -> EvidenceParameters:
        """For the total count of a process."""
        return cls(stack=False, with_aged=False, with_rate=True)


class EvidenceEngine:
    """A bank of combined evidence. Channels used: all, as far as the parameters say.

    Reasons: those of `RisingFloor` for the channel that decided, and ``by_age`` (1 where that was
    the aged count, else 0).

    >>> import numpy as np
    >>> bank = EvidenceEngine()
    >>> bank.resize(1)
    >>> for second in range(0, 3600, 15):
    ...     count = np.array([50.0 + second // 60])
    ...     aged = np.array([float(max(second - 600, 0) // 60)])
    ...     verdict = bank.update(np.array([0]), np.array([second * 10**9]), count, aged=aged)
    >>> bool(verdict.alarm[0]), round(float(verdict.reasons["per_hour"][0]))
    (True, 60)
    """

    def __init__(self, parameters: EvidenceParameters | None = None) -> None:
        self.parameters = parameters = parameters or EvidenceParameters()
        counts = RisingFloorParameters(with_rate=parameters.with_rate, unbroken=parameters.unbroken)
        self._counts = RisingFloor(counts if parameters.stack else TOTAL_FLOORS)
        self._aged = RisingFloor(AGED_FLOORS)

    @property
    def rows(self) -> int:
        """How many rows the bank has."""
        return self._counts.rows

    @property
    def state_bytes(self) -> int:
        """Bytes of state the whole bank holds."""
        return self._counts.state_bytes + self._aged.state_bytes

    def resize(self, rows: int) -> None:
        """Grow or shrink; new rows are empty."""
        self._counts.resize(rows)
        if self.parameters.with_aged:
            self._aged.resize(rows)

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Forget these rows."""
        self._counts.reset(rows)
        if self.parameters.with_aged:
            self._aged.reset(rows)

    def dump(self) -> bytes:
        """The whole bank."""
        return b"".join(self.parts())

    def parts(self) -> Parts:
        """What ``dump`` puts together (see RowStore.parts)."""
        counts = self._counts.parts()
        return [bytes_in(counts).to_bytes(8, "little"), *counts, *self._aged.parts()]

    def load(self, state: bytes) -> None:
        """Replace the bank; ValueError, and no change, for bytes that are not its own."""
        size = int.from_bytes(state[:8], "little")
        counts, aged = RisingFloor(self._counts.parameters), RisingFloor(self._aged.parameters)
        counts.load(state[8 : 8 + size])
        aged.load(state[8 + size :])
        if aged.rows != (counts.rows if self.parameters.with_aged else 0):
            raise ValueError(f"state holds ages of {aged.rows} rows and counts of {counts.rows}")
        self._counts, self._aged = counts, aged

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
        """One sample per row; verdicts change when a bucket of some scale has closed."""
        by_count = self._counts.update(
            rows, times_ns, values, rate=rate, process_start_ns=process_start_ns
        )
        if not self.parameters.with_aged:
            reasons = {**by_count.reasons, "by_age": np.zeros(len(rows))}
            return Verdicts(by_count.score, by_count.threshold, by_count.alarm, reasons)
        unknown = np.full(len(rows), np.nan)
        by_age = self._aged.update(
            rows, times_ns, unknown if aged is None else aged, process_start_ns=process_start_ns
        )
        return _combine(by_count, by_age, self._aged.seen(rows))


def _combine(by_count: Verdicts, by_age: Verdicts, ages_known: NDArray[np.bool_]) -> Verdicts:
    """Fast growth of the count, or growth of the aged; the count alone where ages are unknown."""
    fast = by_count.reasons["fast"]
    age_decides = ages_known & ~(np.nan_to_num(fast, nan=-1.0) > np.nan_to_num(by_age.score))
    count_score = np.where(ages_known, fast, by_count.score)
    score = np.where(age_decides, by_age.score, count_score)
    reasons: dict[str, NDArray[Any]] = {
        name: np.where(age_decides, by_age.reasons[name], values)
        for name, values in by_count.reasons.items()
    }
    reasons["by_age"] = age_decides.astype(np.float64)
    with np.errstate(invalid="ignore"):
        alarm = score >= by_count.threshold
    return Verdicts(score, by_count.threshold, alarm, reasons)
