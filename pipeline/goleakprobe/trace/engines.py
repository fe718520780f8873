"""The ways to decode a generation; all give the same columns."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from goleakprobe.trace.batch_order import by_thread
from goleakprobe.trace.errors import EngineUnavailableError
from goleakprobe.trace.event_classes import roles
from goleakprobe.trace.ordering import Ordered, order_rows
from goleakprobe.trace.piece import LocalIds, PieceDecoder
from goleakprobe.trace.rows import RowBuffers

if TYPE_CHECKING:
    from goleakprobe.trace.generation import Batch, Generation

__all__ = ["ENGINES", "FAST_PAYS_BYTES", "Engine", "NumpyEngine", "choose_engine"]

ENGINES = ("numpy", "fast", "auto")

# Pieces this long keep the decoder's working columns in a core's own cache.
_PIECE_BYTES = 1 << 18
FAST_PAYS_BYTES = 48 << 20
"""Size of a trace from which loading numba takes less time than it saves."""


class Engine(Protocol):
    """Decodes the event batches of a generation."""

    def decode(self, generation: Generation, ids: LocalIds) -> tuple[Ordered | None, int]:
        """The ordered rows (None if no event concerns a goroutine) and the number of events.

        Takes the batches out of the generation, so that their memory is free when it returns.
        Raises MalformedTraceError.
        """


class NumpyEngine:
    """The default: needs no compiler and no start-up time."""

    def __init__(self, piece_bytes: int = _PIECE_BYTES) -> None:
        self._rows = RowBuffers()
        self._piece_bytes = piece_bytes

    def decode(self, generation: Generation, ids: LocalIds) -> tuple[Ordered | None, int]:
        """See Engine."""
        rows = self._rows
        rows.clear(generation.event_bytes)
        decoder = PieceDecoder(rows, roles(generation.version), ids)
        piece: list[Batch] = []
        size = 0
        batches = by_thread(generation)
        batches.reverse()
        while batches:
            batch = batches.pop()
            piece.append(batch)
            size += len(batch.data)
            if size >= self._piece_bytes or not batches:
                decoder.decode(piece)
                piece, size = [], 0
        if not rows.heads.length:
            return None, rows.events
        return order_rows(rows, first_generation=generation.first), rows.events


def choose_engine(name: str) -> Engine:
    """The engine of this name; ``auto`` is ``fast`` where numba is installed.

    Raises EngineUnavailableError.
    """
    if name not in ENGINES:
        raise ValueError(f"no engine {name!r}; there are {', '.join(ENGINES)}")
    available = find_spec("numba") is not None
    if name == "fast" and not available:
        raise EngineUnavailableError
    if name == "numpy" or not available:
        return NumpyEngine()
    from goleakprobe.trace.fast import FastEngine

    return FastEngine()
