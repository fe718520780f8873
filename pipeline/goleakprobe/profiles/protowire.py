"""The protobuf wire format, as much of it as pprof needs, over untrusted bytes.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

from goleakprobe.profiles.errors import BodyCutError, BodyDamagedError

__all__ = ["fields", "packed", "signed"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_UINT64 = (1 << 64) - 1


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield ``(field number, a, b)`` of the message in ``data[start:end]``.

    A varint field gives its value and -1, a length-delimited one the start and end of its bytes.
    Fixed-width fields are skipped. Raises BodyCutError if a field reaches beyond ``end`` and
    BodyDamagedError for wire types no profile uses.
    """
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        kind, number = tag & 7, tag >> 3
        if number == 0:
            raise BodyDamagedError(f"protobuf: field number 0 at byte {at}")
        if kind == _VARINT:
            value, at = _varint(data, at, end)
            yield number, value, -1
        elif kind == _BYTES:
            size, at = _varint(data, at, end)
            if size > end - at:
                raise BodyCutError(
                    f"protobuf: field {number} of {size} bytes ends after {end - at} bytes"
                )
            yield number, at, at + size
            at += size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
            if at > end:
                raise BodyCutError(f"protobuf: field {number} is cut short")
        else:
            raise BodyDamagedError(f"protobuf: wire type {kind} of field {number} at byte {at}")


def packed(data: bytes, start: int, end: int) -> list[int]:
    """The varints of a repeated field, packed or (``end`` of -1) a single one."""
    if end < 0:
        return [start]
    values = []
    at = start
    while at < end:
        byte = data[at]
        if byte < 0x80:
            values.append(byte)
            at += 1
        else:
            value, at = _varint(data, at, end)
            values.append(value)
    return values


def signed(value: int) -> int:
    """An int64 field: two's complement of the unsigned varint."""
    return value - (1 << 64) if value >> 63 else value


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _UINT64, at
        shift += 7
        if shift > 63:
            raise BodyDamagedError(f"protobuf: a number of more than ten bytes at byte {at}")
    raise BodyCutError(f"protobuf: a number is cut short at byte {at}")
