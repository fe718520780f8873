"""What decoding gives: the transitions of one generation as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from goleakprobe.trace.generation import ClockSnapshot

__all__ = ["CpuSamples", "Transitions"]

Longs = NDArray[np.int64]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CpuSamples:
    """Profiler samples of one generation; not ordered with the transitions."""

    time_ns: Longs
    goroutine: Longs
    """-1 where no goroutine ran."""
    stack: Ints


@dataclass(frozen=True, slots=True)
class Transitions:
    """Every state transition of every goroutine in one generation.

    Rows of a goroutine are contiguous and in the order in which they happened; the state before
    is the row above. Times are the trace's own (monotonic clock of the process, nanoseconds) and
    never moved; they may step back by the clocks' skew. Every goroutine alive in the generation
    has at least its status row (``before`` equals ``after``; before is UNDETERMINED in the first
    generation of the trace).
    """

    generation: int
    first: bool
    """Nothing before this generation is known."""
    after_gap: bool
    """Generations before this one were lost; what is carried over them is uncertain."""
    time_ns: Longs
    goroutine: Longs
    kind: Bytes
    """What moved it: an event number, or a row of ``goleakprobe.trace.states``."""
    before: Bytes
    after: Bytes
    reason: Ints
    """Index into the decoder's reasons, of blocks and stops; 0 none, -1 unknown."""
    stack: Ints
    """Interned stack of the event: where it blocked, who unblocked or created it."""
    start_stack: Ints
    """Interned stack of a new goroutine's start function; 0 on other rows."""
    actor: Longs
    """Goroutine that did it; -1 for the scheduler, the network poller, timers."""
    goroutines: Longs
    """Distinct goroutine ids, ascending."""
    first_row: Longs
    """First row of each of ``goroutines``."""
    row_count: Longs
    """Number of rows of each of ``goroutines``."""
    samples: CpuSamples
    clock: ClockSnapshot | None
    """Ties trace time (here in nanoseconds) to the wall clock; Go 1.25 and later."""
    event_count: int
    byte_count: int
    broken_links: int
    """Rows that do not begin in the state that the row above ended in."""
    irregular: bool
    """Sequence numbers had gaps or doubles; the order is the best that could be made of them."""

    def __len__(self) -> int:
        return len(self.time_ns)
