"""The value of every number of a piece of trace, wherever it begins.

Event batches are nothing but LEB128 numbers, type bytes included. Instead of decoding them one by
one, the value of a number that *would* begin at every byte is computed by a few passes over the
bytes (up to four bytes long; the rare longer ones are decoded when asked for).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from goleakprobe.trace.errors import MalformedTraceError
from goleakprobe.trace.varints import MAX_VARINT_BYTES

__all__ = ["PADDING", "NumberTable"]

PADDING = b"\0" * 16
_LONG = 0xFFFFFFFF


class NumberTable:
    """Numbers of ``data``, which ends in ``PADDING`` after ``size`` bytes and at a number's end."""

    def __init__(self, data: bytes, size: int) -> None:
        self.octets = np.frombuffer(data, np.uint8)
        octets = self.octets[: size + 8]
        begins = np.empty(size + 1, np.bool_)
        begins[0] = True
        np.less(octets[:size], 0x80, out=begins[1:])
        self.starts = np.flatnonzero(begins)
        """Byte offset of each number, and the end as one more."""
        self.count = len(self.starts) - 1
        goes_on = (octets.view(np.int8) >> np.int8(7)).view(np.uint8)
        self._values = _short_values(octets, goes_on)
        pairs = goes_on[:-1] & goes_on[1:]
        fours = pairs[:size] & pairs[2 : size + 2]
        self.has_long = bool(fours.any())
        if self.has_long:
            self._mark_long(fours)

    def first_bytes(self) -> NDArray[np.uint8]:
        """The first byte of each number."""
        return self.octets.take(self.starts[:-1])

    def values(self, numbers: NDArray[np.int64], after: int) -> NDArray[np.int64]:
        """Values of the numbers so many places after these; 64-bit ones as two's complement.

        Behind the last number all are zero.
        """
        at = self.starts[min(after, self.count) :].take(numbers, mode="clip")
        short = self._values.take(at)
        values = short.astype(np.int64)
        if self.has_long:
            which = np.flatnonzero(short == _LONG)
            if len(which):
                values[which] = self._long_values(numbers.take(which) + after)
        return values

    def _mark_long(self, fours: NDArray[np.uint8]) -> None:
        begins = np.flatnonzero(fours)
        # Few, so they are looked up among the starts and not the other way round.
        begins = begins[(begins == 0) | (self.octets.take(begins - 1) < 0x80)]
        which = np.searchsorted(self.starts, begins)
        ended = which < self.count
        which, begins = which[ended], begins[ended]
        lengths = self.starts.take(which + 1) - begins
        if len(lengths):
            longest = int(lengths.max())
            if longest > MAX_VARINT_BYTES:
                raise MalformedTraceError("a number is longer than ten bytes")
            if longest == MAX_VARINT_BYTES:
                last = self.octets.take(begins[lengths == longest] + (longest - 1))
                if last.max() > 1:
                    raise MalformedTraceError("a number overflows 64 bits")
        self._values[begins] = _LONG

    def _long_values(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        begins = self.starts.take(numbers)
        lengths = self.starts.take(numbers + 1) - begins
        values = (self.octets.take(begins) & 0x7F).astype(np.uint64)
        for place in range(1, int(lengths.max())):
            which = np.flatnonzero(lengths > place)
            bits = (self.octets.take(begins[which] + place) & 0x7F).astype(np.uint64)
            values[which] |= bits << np.uint64(7 * place)
        return values.view(np.int64)


def _short_values(octets: NDArray[np.uint8], goes_on: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The number of at most four bytes that begins at each byte.

    Two bytes make 14 bits, two such pairs 28; each pass stays as narrow as its values allow.
    """
    low = octets & np.uint8(0x7F)
    high = low[1:] & goes_on[:-1]
    pairs = high.astype(np.uint16)
    pairs <<= np.uint16(7)
    pairs |= low[:-1].astype(np.uint16)
    both = (goes_on[:-3] & goes_on[1:-2]).view(np.int8).astype(np.int16).view(np.uint16)
    both &= pairs[2:]
    values = both.astype(np.uint32)
    values <<= np.uint32(14)
    values |= pairs[:-2].astype(np.uint32)
    return values
