"""Transitions as a Parquet file, for whoever wants to query a trace row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from goleakprobe.profiles.signatures import blocking_frame, site
from goleakprobe.trace.states import State

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

    from goleakprobe.trace.columns import Transitions
    from goleakprobe.trace.decoder import Decoder

__all__ = ["SCHEMA", "TransitionWriter"]

_TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("generation", pa.int64()),
        ("time_ns", pa.int64()),
        ("goroutine", pa.int64()),
        ("before", _TEXT),
        ("after", _TEXT),
        ("reason", _TEXT),
        ("site", _TEXT),
        ("start", _TEXT),
        ("actor", pa.int64()),
    ]
)
"""A row for each transition, in goroutine order within a generation; ``actor`` null: runtime."""


class TransitionWriter:
    """Writes one row group a generation; memory is that of a generation."""

    def __init__(self, sink: BinaryIO, decoder: Decoder) -> None:
        self._decoder = decoder
        self._writer = pq.ParquetWriter(sink, SCHEMA, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._writer.close()

    def write(self, part: Transitions) -> None:
        """Append a generation."""
        frames = self._decoder.stacks.frames
        states = [state.label for state in State]
        columns = [
            pa.array(np.full(len(part), part.generation)),
            pa.array(part.time_ns),
            pa.array(part.goroutine),
            _texts(part.before, states),
            _texts(part.after, states),
            _texts(part.reason, self._decoder.reasons),
            _texts(part.stack, [site(blocking_frame(stack)) for stack in frames]),
            _texts(part.start_stack, [stack[0].function if stack else "" for stack in frames]),
            pa.array(part.actor, mask=part.actor < 0),
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=SCHEMA))


def _texts(numbers: NDArray[np.uint8] | NDArray[np.int32], texts: list[str]) -> pa.Array:
    """A dictionary column: null for an unknown number, and only texts that occur."""
    used, places = np.unique(numbers, return_inverse=True)
    names = pa.array([texts[number] if number >= 0 else None for number in used.tolist()])
    return pa.DictionaryArray.from_arrays(
        pa.array(places.astype(np.int32)), names.cast(pa.string())
    )
