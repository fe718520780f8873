"""Arrays with one row per key, and their exact form in bytes."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Field", "Parts", "RowStore", "StoredBank", "bytes_in"]

Parts = list[bytes | memoryview]
"""Bytes in pieces, some of them arrays that live on."""

_MAGIC = b"GLP2"
_PREFIX = struct.Struct("<4sIII")  # magic, header bytes, body bytes modulo 2^32, checksum of arrays
_MAX_HEADER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Field:
    """One array of a bank: its element type, the shape of a row and what an empty row holds."""

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    blank: float = 0


class RowStore:
    """Named arrays that grow, forget and travel together.

    ``layout`` names the layout, its version and the parameters it was built with; bytes of any
    other layout are refused.

    >>> store = RowStore("example 1", [Field("newest", "<i8"), Field("ring", "<f4", (3,), -1)])
    >>> store.resize(2)
    >>> store["ring"][1] = 7
    >>> other = RowStore("example 1", store.fields)
    >>> other.load(store.dump())
    >>> other["ring"].tolist()
    [[-1.0, -1.0, -1.0], [7.0, 7.0, 7.0]]
    """

    def __init__(self, layout: str, fields: Sequence[Field]) -> None:
        self.layout = layout
        self.fields = tuple(fields)
        self._arrays = {field.name: _blank(field, 0) for field in self.fields}
        self.rows = 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[name]

    @property
    def row_bytes(self) -> int:
        """Bytes of state one row takes."""
        return sum(int(np.prod(f.shape)) * np.dtype(f.dtype).itemsize for f in self.fields)

    def resize(self, rows: int) -> None:
        """Keep the first ``rows`` rows; new ones are blank."""
        if rows < 0:
            raise ValueError(f"a bank cannot have {rows} rows")
        kept = min(rows, self.rows)
        for field in self.fields:
            array = _blank(field, rows)
            array[:kept] = self._arrays[field.name][:kept]
            self._arrays[field.name] = array
        self.rows = rows

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Blank these rows."""
        for field in self.fields:
            self._arrays[field.name][rows] = field.blank

    def dump(self) -> bytes:
        """Format, row count and arrays, byte for byte, with a checksum."""
        return b"".join(self.parts())

    def parts(self) -> Parts:
        """What ``dump`` puts together; only good until the next change, for nothing is copied.

        A bank of 50,000 rows has 50 MB, and intake waits for it: one copy in all is enough, and a
        checksum that numpy adds up in a third of crc32's time.
        """
        header = json.dumps({"layout": self.layout, "rows": self.rows}).encode()
        arrays = [_as_bytes(self._arrays[field.name]) for field in self.fields]
        checksum = 0
        for array in arrays:
            checksum = _checksum(array, checksum)
        prefix = _PREFIX.pack(_MAGIC, len(header), bytes_in(arrays) & 0xFFFFFFFF, checksum)
        return [prefix, header, *arrays]

    def load(self, state: bytes) -> None:
        """Replace all rows; ValueError, and no change, unless the bytes are whole and ours."""
        header, body, told = _split(state)
        if header.get("layout") != self.layout:
            raise ValueError(f"state is {header.get('layout')!r}, this detector is {self.layout!r}")
        rows = header.get("rows")
        if not isinstance(rows, int) or rows < 0 or len(body) != rows * self.row_bytes:
            raise ValueError(f"state holds {len(body)} bytes, not {rows} rows of {self.row_bytes}")
        offset = checksum = 0
        arrays: dict[str, NDArray[Any]] = {}
        for field in self.fields:
            count = rows * int(np.prod(field.shape))
            flat = np.frombuffer(body, dtype=field.dtype, count=count, offset=offset)
            arrays[field.name] = flat.reshape((rows, *field.shape)).copy()
            checksum = _checksum(body[offset : offset + flat.nbytes], checksum)
            offset += flat.nbytes
        if checksum != told:
            raise ValueError("state is damaged: its checksum does not match")
        self._arrays = arrays
        self.rows = rows


class StoredBank:
    """What a bank all of whose state is in one store need not say itself: see `Detector`."""

    def __init__(self, store: RowStore) -> None:
        self._store = store

    @property
    def rows(self) -> int:
        """How many rows the bank has."""
        return self._store.rows

    @property
    def state_bytes(self) -> int:
        """Bytes of state the whole bank holds."""
        return self.rows * self._store.row_bytes

    def resize(self, rows: int) -> None:
        """Grow or shrink; new rows are empty."""
        self._store.resize(rows)

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Forget these rows."""
        self._store.reset(rows)

    def dump(self) -> bytes:
        """The whole bank."""
        return self._store.dump()

    def parts(self) -> Parts:
        """What ``dump`` puts together (see RowStore.parts)."""
        return self._store.parts()

    def load(self, state: bytes) -> None:
        """Replace the bank; ValueError, and no change, for bytes that are not its own."""
        self._store.load(state)


def bytes_in(parts: Sequence[bytes | memoryview]) -> int:
    """How long parts are together."""
    return sum(memoryview(part).nbytes for part in parts)


def _blank(field: Field, rows: int) -> NDArray[Any]:
    return np.full((rows, *field.shape), field.blank, dtype=field.dtype)


def _as_bytes(array: NDArray[Any]) -> memoryview[int]:
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).data


def _checksum(array: memoryview, before: int) -> int:
    """Of one array after those before: its 64-bit words added up, and the bytes left over."""
    whole = array.nbytes // 8 * 8
    words = np.frombuffer(array[:whole], dtype="<u8")
    total = int(words.sum(dtype=np.uint64)) + sum(array[whole:])
    return (before * 31 + total + (total >> 32)) & 0xFFFFFFFF


def _split(state: bytes) -> tuple[dict[str, Any], memoryview, int]:
    """Header, arrays, and the checksum they should have."""
    if len(state) < _PREFIX.size:
        raise ValueError("state is cut short")
    magic, header_bytes, body_bytes, checksum = _PREFIX.unpack_from(state)
    if magic != _MAGIC or header_bytes > _MAX_HEADER_BYTES:
        raise ValueError("this is not a detector's state")
    body = memoryview(state)[_PREFIX.size + header_bytes :]
    if len(body) & 0xFFFFFFFF != body_bytes:
        raise ValueError("state is damaged: its length does not match")
    try:
        header = json.loads(state[_PREFIX.size : _PREFIX.size + header_bytes])
    except ValueError as problem:
        raise ValueError("state is damaged: its header does not read") from problem
    if not isinstance(header, dict):
        raise ValueError("state is damaged: its header does not read")
    return header, body, checksum
