"""A recorded pprof profile that can be answered again with other counts.

``profile.proto`` of github.com/google/pprof: samples are field 2 of a profile, and a sample's
values its field 2. Everything else is passed on byte by byte.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.profiles import read_profile
from goleakprobe.profiles.protowire import fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from goleakprobe.profiles import Group

__all__ = ["CountedProfile", "RecordedStack"]

_SAMPLE = 2
_VALUE = 2
_GO_GZIP_LEVEL = 1  # runtime/pprof compresses with gzip.BestSpeed


class RecordedStack(msgspec.Struct, frozen=True, kw_only=True):
    """One sample of the recording."""

    signature: str
    count: int
    group: Group
    body: bytes
    """The sample without its value."""


class CountedProfile:
    """One recorded profile, uncompressed, taken apart into its stacks and all the rest."""

    def __init__(self, recorded: bytes) -> None:
        parts = list(fields(recorded, 0, len(recorded)))
        others = [
            _field(number, a, recorded[a:b] if b >= 0 else None)
            for number, a, b in parts
            if number != _SAMPLE
        ]
        rest = b"".join(others)
        self.stacks: list[RecordedStack] = []
        for number, a, b in parts:
            if number != _SAMPLE:
                continue
            body, count = _without_value(recorded, a, b), _value(recorded, a, b)
            groups = read_profile(_sample(body, max(1, count)) + rest).groups
            if groups:
                stack = RecordedStack(
                    signature=groups[0].signature, count=count, group=groups[0], body=body
                )
                self.stacks.append(stack)
            else:
                # Go 1.27 may show a goroutine without a stack; it stays as it was.
                others.append(_sample(body, count))
        self._rest = b"".join(others)

    def answer(self, count_of: Callable[[RecordedStack], int]) -> bytes:
        """The gzipped profile with these counts; stacks without goroutines are left out."""
        parts = [
            _sample(stack.body, count) for stack in self.stacks if (count := count_of(stack)) > 0
        ]
        compress = zlib.compressobj(_GO_GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        return compress.compress(b"".join(parts) + self._rest) + compress.flush()


def _sample(body: bytes, count: int) -> bytes:
    whole = body + _field(_VALUE, count, None)
    return _field(_SAMPLE, 0, whole)


def _without_value(data: bytes, start: int, end: int) -> bytes:
    return b"".join(
        _field(number, a, data[a:b] if b >= 0 else None)
        for number, a, b in fields(data, start, end)
        if number != _VALUE
    )


def _value(data: bytes, start: int, end: int) -> int:
    for number, a, b in fields(data, start, end):
        if number == _VALUE:
            # Go packs the values; a goroutine profile has one, far below the sign bit.
            return a if b < 0 else _number(data[a:b])
    return 0


def _number(varint: bytes) -> int:
    value = 0
    for place, byte in enumerate(varint):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    return value


def _field(number: int, value: int, body: bytes | None) -> bytes:
    if body is None:
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
