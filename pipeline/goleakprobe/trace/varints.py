"""Unsigned LEB128 numbers: one at a time, and whole buffers at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from goleakprobe.trace.errors import MalformedTraceError

__all__ = ["MAX_VARINT_BYTES", "all_varints", "read_varint"]

MAX_VARINT_BYTES = 10


def read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number at ``data[at:end]`` and the position after it.

    Raises IndexError when the bytes end inside it (more may come) and MalformedTraceError when it
    is longer than ten bytes or than 64 bits, the rule of Go's encoding/binary.
    """
    value = 0
    shift = 0
    while at < end:
        byte = data[at]
        at += 1
        if byte < 0x80:
            if shift == 63 and byte > 1:
                raise MalformedTraceError("a number overflows 64 bits")
            return value | byte << shift, at
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            raise MalformedTraceError("a number is longer than ten bytes")
    raise IndexError("the bytes end inside a number")


def all_varints(data: bytes, skip: int = 0) -> NDArray[np.uint64]:
    """Every number of bytes that hold nothing but numbers, from ``skip`` on."""
    octets = np.frombuffer(data, np.uint8)[skip:]
    if not len(octets):
        return np.empty(0, np.uint64)
    if octets[-1] >= 0x80:
        raise MalformedTraceError("a number runs past its batch")
    ends = np.flatnonzero(octets < 0x80)
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    lengths = ends - starts + 1
    longest = int(lengths.max())
    if longest > MAX_VARINT_BYTES:
        raise MalformedTraceError("a number is longer than ten bytes")
    values = (octets[starts] & 0x7F).astype(np.uint64)
    for place in range(1, longest):
        which = np.flatnonzero(lengths > place)
        bits = (octets[starts[which] + place] & np.uint8(0x7F)).astype(np.uint64)
        values[which] |= bits << np.uint64(7 * place)
    return values
