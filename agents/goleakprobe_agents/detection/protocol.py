"""What every detector is: a bank of rows that turns samples into verdicts.

A *row* is one key's series (a service, a target, a signature of a target); who maps keys to rows
is the caller's affair. All rows of a bank are updated together, so a thousand series cost a few
array operations instead of a thousand calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "BOUNDLESS_COUNT",
    "LATEST_NS",
    "NEVER_NS",
    "SECOND_NS",
    "Detector",
    "Samples",
    "Verdicts",
    "accept",
    "known_or",
    "restarted",
]

SECOND_NS = 1_000_000_000

BOUNDLESS_COUNT = 2.0**40
"""Counts beyond this are damage, not goroutines: 2 kB of stack each would be 2 PB."""

LATEST_NS = 2**62
"""Times this far from the epoch (the year 2116) are damage; differences of others fit 64 bits."""

_SAME_START_NS = 2 * SECOND_NS

NEVER_NS = -LATEST_NS
"""Stands for a time that has not come yet in arrays of times."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One verdict per updated row, in the order the rows were given.

    ``alarm`` is what the detector decided; ``score`` (higher is worse, NaN before there is one)
    is comparable between rows and ``threshold`` is where it starts to matter. ``reasons`` holds
    the numbers behind it by name, one array each; every detector documents its own.
    """

    score: NDArray[np.float64]
    threshold: NDArray[np.float64]
    alarm: NDArray[np.bool_]
    reasons: Mapping[str, NDArray[Any]]


class Detector(Protocol):
    """A bank of rows, each a pure function of its own samples in event-time order.

    - A row's state and verdicts never depend on other rows or on how updates were batched.
    - There is no clock but the samples' own times; replaying them gives the same bytes.
    - State is bounded per row, whatever comes in.
    - A sample with a time at or before the row's newest, or a value that is NaN, infinite,
      negative or above ``BOUNDLESS_COUNT``, changes nothing; its verdict repeats the row's last.
    """

    @property
    def rows(self) -> int:
        """How many rows the bank has."""

    def resize(self, rows: int) -> None:
        """Grow or shrink to so many rows; new rows are empty. Grow in steps: it copies."""

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Forget these rows, to be used for other keys."""

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
        """Take one sample for each of these rows (no row twice in a call).

        ``values`` are goroutine counts. Optional channels, each aligned with ``rows``: ``rate``
        (requests per second, NaN unknown), ``aged`` (how many of the count are certainly older
        than ten minutes, NaN unknown), ``process_start_ns`` (0 unknown). A detector ignores the
        channels it has no use for.
        """

    def dump(self) -> bytes:
        """The whole bank; it names its own format and parameters."""

    def load(self, state: bytes) -> None:
        """Replace the bank exactly; ValueError for another version, parameters or damage.

        After a ValueError the bank is as it was: say so, and let it rebuild from samples.
        """


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of one update that a detector may believe, and where they stood in the call."""

    at: NDArray[np.int64]
    """Positions in the call's arrays."""
    rows: NDArray[np.int64]
    times_ns: NDArray[np.int64]
    values: NDArray[np.float64]

    def channel(self, given: NDArray[Any] | None) -> NDArray[np.float64]:
        """An optional channel as floats for these samples; NaN where it is not known or absurd."""
        if given is None:
            return np.full(len(self.at), np.nan)
        taken = np.asarray(given, dtype=np.float64)[self.at]
        return np.where((taken >= 0) & (taken <= BOUNDLESS_COUNT), taken, np.nan)


def known_or(instead: float, values: NDArray[Any]) -> NDArray[Any]:
    """The values, and another one where they are NaN; several times faster than `nan_to_num`."""
    return np.where(np.isnan(values), values.dtype.type(instead), values)


def restarted(
    known_ns: NDArray[np.int64], starts_ns: NDArray[np.int64], newest_ns: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which rows belong to a new process: its start (0 unknown) is another than the known one.

    Where none was known, the start has to lie after the newest sample. That says nothing once one
    is known: the samples of a target whose clock is ahead all lie before its start for a while.
    """
    other = (known_ns != 0) & (np.abs(starts_ns - known_ns) > _SAME_START_NS)
    later = (known_ns == 0) & (starts_ns > newest_ns)
    return np.asarray((starts_ns != 0) & (other | later), dtype=np.bool_)


def accept(
    rows: NDArray[np.int64],
    times_ns: NDArray[np.int64],
    values: NDArray[np.float64],
    newest_ns: NDArray[np.int64],
) -> Samples:
    """Keep the samples that move their row forward in time with a believable count.

    ``newest_ns`` is each row's newest time so far (of the whole bank, indexed by row).
    """
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        good = (values >= 0) & (values <= BOUNDLESS_COUNT)
    good &= (times_ns > newest_ns[rows]) & (times_ns < LATEST_NS)
    at = np.flatnonzero(good)
    return Samples(at, rows[at], times_ns[at], values[at])
