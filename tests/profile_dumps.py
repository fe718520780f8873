"""Dumps of our own zoo program by several Go releases, and a writer of small pprof messages."""

from __future__ import annotations

import gzip
from pathlib import Path

from goleakprobe.profiles import Profile, read_profile

FOLDER = Path(__file__).parent / "pipeline" / "profiles" / "dumps"
RELEASES = ("go1.21", "go1.24", "go1.26", "go1.27")
LEAK_RELEASES = ("go1.26", "go1.27")


def dump(release: str, name: str) -> bytes:
    """The bytes of a committed dump, such as ``("go1.27", "goroutine-2.txt")``."""
    return (FOLDER / release / name).read_bytes()


def profile(release: str, name: str) -> Profile:
    """A committed dump, decoded."""
    return read_profile(dump(release, name))


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def pprof(
    samples: list[tuple[int, list[str]]],
    *,
    kind: str = "goroutine",
    duration_ns: int = 0,
    time_ns: int = 1_700_000_000_000_000_000,
    compress: bool = True,
) -> bytes:
    """A protobuf profile of stacks given as counts and function names, leaf first."""
    strings = ["", kind, "count"]

    def text(value: str) -> int:
        if value not in strings:
            strings.append(value)
        return strings.index(value)

    body = block(1, number(1, 1) + number(2, 2))
    locations: dict[str, int] = {}
    for count, functions in samples:
        ids = [locations.setdefault(name, len(locations) + 1) for name in functions]
        packed = b"".join(map(varint, ids))
        body += block(2, (block(1, packed) if ids else b"") + block(2, varint(count)))
    for name, index in locations.items():
        line = number(1, index) + number(2, 10 + index)
        body += block(4, number(1, index) + block(4, line))
        file = text("/srv/app/main.go")
        body += block(5, number(1, index) + number(2, text(name)) + number(4, file))
    for value in strings:
        body += block(6, value.encode())
    body += number(9, time_ns)
    if duration_ns:
        body += number(10, duration_ns)
    return gzip.compress(body) if compress else body
