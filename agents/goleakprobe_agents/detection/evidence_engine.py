"""The default judge of a series: floors, ages and the request rate weighed together.

- A signature's *aged* goroutines (certainly older than ten minutes) are its strongest channel: a
  pool is old and does not grow, requests in flight grow and are not old. Where ages are known the
  floor of the aged count is judged, and that of the count by how many of it grow old; else only
  that of the count.
- A signature's count is judged for a fast rise too, before anything can have aged.
- Totals are judged with the request rate, which gets the benefit of the doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from goleakprobe_agents.detection.fast_rise import FastRise
from goleakprobe_agents.detection.protocol import Verdicts, known_or
from goleakprobe_agents.detection.rising_floor import (
    LONG_SCALES,
    RisingFloor,
    RisingFloorParameters,
)
from goleakprobe_agents.detection.row_store import bytes_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from goleakprobe_agents.detection.row_store import Parts

__all__ = ["AGED_FLOORS", "COUNT_FLOORS", "TOTAL_FLOORS", "EvidenceEngine", "EvidenceParameters"]

AGED_FLOORS = RisingFloorParameters(LONG_SCALES, with_rate=False, of="aged")
COUNT_FLOORS = RisingFloorParameters(LONG_SCALES, with_rate=False)
TOTAL_FLOORS = RisingFloorParameters(LONG_SCALES, with_rate=True, of="total")


@dataclass(frozen=True, slots=True)
class EvidenceParameters:
    """What the rows are: signatures (``stack``) with ages, or totals with the request rate."""

    stack: bool = True
    with_aged: bool = True
    unbroken: bool = False
    """Whether a signature's rise that lasts is fast, whatever came before: see `FastRise`."""

    @classmethod
    def for_totals(cls) -> EvidenceParameters:
        """For the total count of a process."""
        return cls(stack=False, with_aged=False)


class EvidenceEngine:
    """A bank of combined evidence. Channels used: all, as far as the parameters say.

    Reasons: those of `RisingFloor`, the ones about the rise from whichever detector decided;
    ``by_age`` (1 where ages are known and no fast rise decided, else 0) and ``fast`` (the score of
    `FastRise`, NaN for totals).

    >>> import numpy as np
    >>> bank = EvidenceEngine()
    >>> bank.resize(1)
    >>> for second in range(0, 7200, 15):
    ...     count = np.array([50.0 + second // 60])
    ...     aged = np.array([float(max(second - 600, 0) // 60)])
    ...     verdict = bank.update(np.array([0]), np.array([second * 10**9]), count, aged=aged)
    >>> bool(verdict.alarm[0]), round(float(verdict.reasons["per_hour"][0]))
    (True, 60)
    """

    def __init__(self, parameters: EvidenceParameters | None = None) -> None:
        self.parameters = parameters = parameters or EvidenceParameters()
        self._aged = RisingFloor(AGED_FLOORS)
        self._counts = (
            RisingFloor(COUNT_FLOORS, aged=self._aged if parameters.with_aged else None)
            if parameters.stack
            else RisingFloor(TOTAL_FLOORS)
        )
        self._fast = FastRise(unbroken=parameters.unbroken)

    @property
    def rows(self) -> int:
        """How many rows the bank has."""
        return self._counts.rows

    @property
    def state_bytes(self) -> int:
        """Bytes of state the whole bank holds."""
        return sum(bank.state_bytes for bank in self._banks)

    @property
    def _banks(self) -> tuple[RisingFloor | FastRise, ...]:
        return self._counts, self._aged, self._fast

    @property
    def _sizes(self) -> tuple[bool, ...]:
        """Which of the banks have rows."""
        return True, self.parameters.with_aged, self.parameters.stack

    def resize(self, rows: int) -> None:
        """Grow or shrink; new rows are empty."""
        for bank, used in zip(self._banks, self._sizes, strict=True):
            bank.resize(rows if used else 0)

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Forget these rows."""
        for bank, used in zip(self._banks, self._sizes, strict=True):
            if used:
                bank.reset(rows)

    def note_turnover(self, rows: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
        """Which share of these rows' goroutines ended between two looks at them (of signatures)."""
        self._fast.note_turnover(rows, shares)

    def dump(self) -> bytes:
        """The whole bank."""
        return b"".join(self.parts())

    def parts(self) -> Parts:
        """What ``dump`` puts together (see RowStore.parts)."""
        together: Parts = []
        for bank in self._banks:
            own = bank.parts()
            together += [bytes_in(own).to_bytes(8, "little"), *own]
        return together

    def load(self, state: bytes) -> None:
        """Replace the bank; ValueError, and no change, for bytes that are not its own."""
        fresh = EvidenceEngine(self.parameters)
        offset = 0
        for bank in fresh._banks:
            size = int.from_bytes(state[offset : offset + 8], "little")
            bank.load(state[offset + 8 : offset + 8 + size])
            offset += 8 + size
        rows = [fresh.rows if used else 0 for used in self._sizes]
        if offset != len(state) or [bank.rows for bank in fresh._banks] != rows:
            raise ValueError("state is damaged: its detectors are not of the same rows")
        self._counts, self._aged, self._fast = fresh._counts, fresh._aged, fresh._fast

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
        """One sample per row; verdicts change when a bucket or a point is complete."""
        of_aged = None
        if self.parameters.with_aged:
            of_aged = self._aged.update(
                rows, times_ns, values, aged=aged, process_start_ns=process_start_ns
            )
        verdicts = self._counts.update(
            rows, times_ns, values, rate=rate, process_start_ns=process_start_ns
        )
        by_age = np.zeros(len(rows), dtype=np.bool_)
        if of_aged is not None:
            by_age = self._aged.seen(rows)
            older = known_or(-1.0, of_aged.score) >= known_or(0.0, verdicts.score)
            verdicts = _where(older, of_aged, verdicts)
        fast_score = np.full(len(rows), np.nan)
        if self.parameters.stack:
            fast = self._fast.update(rows, times_ns, values, process_start_ns=process_start_ns)
            fast_score = fast.score
            faster = known_or(-1.0, fast.score) > known_or(0.0, verdicts.score)
            verdicts, by_age = _where(faster, fast, verdicts), by_age & ~faster
        by = {"by_age": by_age.astype(np.float64), "fast": fast_score}
        return Verdicts(
            verdicts.score, verdicts.threshold, verdicts.alarm, {**verdicts.reasons, **by}
        )


def _where(chosen: NDArray[np.bool_], one: Verdicts, other: Verdicts) -> Verdicts:
    """The verdicts of one detector where it decides, and those of the other elsewhere.

    Reasons that only the other has stay as they are.
    """
    reasons: dict[str, NDArray[Any]] = {
        name: np.where(chosen, one.reasons[name], values) if name in one.reasons else values
        for name, values in other.reasons.items()
    }
    return Verdicts(
        np.where(chosen, one.score, other.score),
        np.where(chosen, one.threshold, other.threshold),
        np.where(chosen, one.alarm, other.alarm),
        reasons,
    )
