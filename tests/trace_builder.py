"""Writes small traces by hand, event by event, as the runtime would."""

from __future__ import annotations

from goleakprobe.trace.wire import NO_THREAD, Event


def uv(value: int) -> bytes:
    """An unsigned LEB128 number."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def event(kind: int, *arguments: int) -> bytes:
    """One event; the first argument is the time delta."""
    return bytes([kind]) + b"".join(map(uv, arguments))


def header(version: int) -> bytes:
    return f"go 1.{version} trace".encode() + b"\0\0\0"


def batch(generation: int, thread: int, time: int, data: bytes, experiment: int = 0) -> bytes:
    kind = bytes([Event.EXPERIMENTAL_BATCH, experiment]) if experiment else b"\x01"
    return kind + uv(generation) + uv(thread) + uv(time) + uv(len(data)) + data


class TraceBuilder:
    """Strings and stacks are numbered as they are used; ``generation()`` closes one."""

    def __init__(self, version: int = 26, frequency: int = 15_625_000) -> None:
        self.version = version
        self.frequency = frequency
        self.number = 1
        self.data = header(version)
        self._begin()

    def _begin(self) -> None:
        self.strings: dict[str, int] = {}
        self.stacks: dict[tuple[tuple[str, str, int], ...], int] = {}
        self.batches: list[bytes] = []

    def string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings) + 1)

    def stack(self, *functions: str, line: int = 1) -> int:
        """A stack of these functions, leaf first, all in main.go."""
        frames = tuple((function, "main.go", line) for function in functions)
        return self.stacks.setdefault(frames, len(self.stacks) + 1)

    def thread(self, thread: int, time: int, *events: bytes) -> TraceBuilder:
        self.batches.append(batch(self.number, thread, time, b"".join(events)))
        return self

    def raw(self, data: bytes) -> TraceBuilder:
        self.batches.append(data)
        return self

    def generation(self, *, stacks: bool = True, strings: bool = True) -> TraceBuilder:
        self.data += self._sync() + b"".join(self.batches)
        entries = b""
        for frames, number in self.stacks.items():
            entries += bytes([Event.STACK]) + uv(number) + uv(len(frames))
            for function, file, line in frames:
                counter = abs(hash((function, file, line))) >> 8
                text = (self.string(function), self.string(file), line)
                entries += uv(counter) + b"".join(map(uv, text))
        if entries and stacks:
            self.data += batch(self.number, NO_THREAD, 0, bytes([Event.STACKS]) + entries)
        texts = b"".join(
            bytes([Event.STRING]) + uv(number) + uv(len(text.encode())) + text.encode()
            for text, number in self.strings.items()
        )
        if strings:
            self.data += batch(self.number, NO_THREAD, 0, bytes([Event.STRINGS]) + texts)
        if self.version >= 26:
            self.data += bytes([Event.END_OF_GENERATION])
        self.number += 1
        self._begin()
        return self

    def _sync(self) -> bytes:
        frequency = bytes([Event.FREQUENCY]) + uv(self.frequency)
        if self.version >= 25:
            clock = event(Event.CLOCK_SNAPSHOT, 1, 1000, 1_700_000_000, 5)
            frequency = bytes([Event.SYNC]) + frequency + clock
        return batch(self.number, NO_THREAD, 10, frequency)
