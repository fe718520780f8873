"""The rows of a generation in the order threads wrote them, in arrays that outlive it.

Rows are of two kinds. *Heads* name their goroutine and hold its sequence number; *locals* happen
to the goroutine that a head before them put on the thread, and know that head.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["NO_HEAD", "RowBuffers", "Table"]

NO_HEAD = -1
# Of a busy trace; where there are more rows, tables grow.
_BYTES_PER_ROW = 8

Column = NDArray[Any]


class Table:
    """Columns of one length that grow together; their memory is kept for the next generation."""

    def __init__(self, columns: dict[str, DTypeLike]) -> None:
        self._columns: dict[str, Column] = {
            name: np.empty(0, kind) for name, kind in columns.items()
        }
        self._capacity = 0
        self.length = 0

    def clear(self) -> None:
        """Forget the rows, not the memory."""
        self.length = 0

    def extend(self, count: int) -> dict[str, Column]:
        """Room for ``count`` more rows, to be filled by the caller."""
        begin, end = self.length, self.length + count
        if end > self._capacity:
            self._grow(end)
        self.length = end
        return {name: column[begin:end] for name, column in self._columns.items()}

    def reserve(self, count: int) -> None:
        """Make room for ``count`` rows at once, so that filling does not copy."""
        if count > self._capacity:
            self._grow(count)

    def __getitem__(self, name: str) -> Column:
        return self._columns[name][: self.length]

    def _grow(self, needed: int) -> None:
        self._capacity = max(needed, self.length + self.length // 2, 1024)
        for name, column in self._columns.items():
            wider = np.empty(self._capacity, column.dtype)
            wider[: self.length] = column[: self.length]
            self._columns[name] = wider


class RowBuffers:
    """Heads and locals of the generation being decoded."""

    def __init__(self) -> None:
        self.heads = Table(
            {
                "kind": np.uint8,
                "time": np.int64,
                "goroutine": np.int64,
                "sequence": np.int32,
                "actor": np.int64,
                "stack": np.int32,
                "start_stack": np.int32,
            }
        )
        self.locals = Table(
            {
                "kind": np.uint8,
                "time": np.int64,
                "reason": np.int32,
                "stack": np.int32,
                "head": np.int32,
            }
        )
        self.events = 0

    def clear(self, event_bytes: int) -> None:
        """Begin a generation of so many bytes of events."""
        for table in (self.heads, self.locals):
            table.clear()
            table.reserve(event_bytes // _BYTES_PER_ROW)
        self.events = 0
