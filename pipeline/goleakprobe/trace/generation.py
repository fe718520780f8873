"""One generation of a trace: its event batches and its own tables, not yet decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from goleakprobe.profiles.text import clean
from goleakprobe.trace.errors import LimitExceededError, MalformedTraceError, TraceError
from goleakprobe.trace.varints import read_varint
from goleakprobe.trace.wire import MAX_STRING_BYTES, Event

if TYPE_CHECKING:
    from goleakprobe.trace.limits import Limits

__all__ = ["Batch", "ClockSnapshot", "Generation"]

# Linux clocks tick 15,625,000 times a second; the slowest and fastest counters of other systems
# are well inside these.
_FREQUENCIES = range(10**3, 10**11 + 1)
_CLOCK_VERSION = 25


class Batch(NamedTuple):
    """Bytes one thread wrote; ``time`` is where its first event's delta counts from."""

    thread: int
    time: int
    data: bytes


class ClockSnapshot(NamedTuple):
    """The same moment in trace units, monotonic nanoseconds and wall-clock nanoseconds."""

    time: int
    monotonic_ns: int
    wall_ns: int


class Generation:
    """The raw material of one generation.

    ``fault`` is the first reason why its tables cannot be used; batches after a fault are only
    counted, so that the framing goes on and later generations are not lost.
    """

    __slots__ = (
        "at_end_of_file",
        "batch_count",
        "batches",
        "byte_count",
        "clock",
        "cpu_batches",
        "event_bytes",
        "experimental_bytes",
        "fault",
        "first",
        "frequency",
        "number",
        "stack_batches",
        "string_bytes",
        "strings",
        "version",
    )

    def __init__(self, number: int, version: int, *, first: bool) -> None:
        self.number = number
        self.version = version
        self.first = first
        self.batches: list[Batch] = []
        self.strings: dict[int, bytes] = {0: b""}
        self.string_bytes = 0
        self.stack_batches: list[bytes] = []
        self.cpu_batches: list[bytes] = []
        self.experimental_bytes = 0
        self.event_bytes = 0
        self.frequency = 0
        self.clock: ClockSnapshot | None = None
        self.byte_count = 0
        self.batch_count = 0
        self.at_end_of_file = False
        self.fault: TraceError | None = None

    def add(self, batch: Batch, experiment: int, limits: Limits) -> None:
        """Take a batch; ``experiment`` is 0 for an ordinary one.

        Raises LimitExceededError: the caller stops reading. Malformed tables become ``fault``.
        """
        size = len(batch.data)
        self.byte_count += size
        self.batch_count += 1
        if self.byte_count > limits.generation_bytes:
            raise LimitExceededError(
                "bytes of a generation", self.byte_count, limits.generation_bytes
            )
        if self.batch_count > limits.batches + self.byte_count // 64:
            raise LimitExceededError("batches of a generation", self.batch_count, limits.batches)
        if self.fault is not None or not size:
            return
        if experiment:
            self.experimental_bytes += size
            return
        try:
            self._sort_in(batch, limits)
        except IndexError:
            self._break(MalformedTraceError("a table entry runs past its batch"))
        except LimitExceededError:
            raise
        except TraceError as error:
            self._break(error)

    def text(self, string: int) -> str | None:
        """The string of a local id, for people; None where the table has no such id."""
        raw = self.strings.get(string)
        return None if raw is None else clean(raw, MAX_STRING_BYTES)

    def _break(self, error: TraceError) -> None:
        self.fault = error
        self.batches.clear()
        self.strings.clear()
        self.stack_batches.clear()

    def _sort_in(self, batch: Batch, limits: Limits) -> None:
        kind = batch.data[0]
        clocked = self.version >= _CLOCK_VERSION
        if kind == Event.STRINGS:
            self._add_strings(batch.data, limits)
        elif kind == Event.STACKS:
            self.stack_batches.append(batch.data)
        elif kind == Event.CPU_SAMPLES:
            self.cpu_batches.append(batch.data)
        elif kind == Event.SYNC and clocked:
            self._add_sync(batch)
        elif kind == Event.FREQUENCY and not clocked:
            value, _ = read_varint(batch.data, 1, len(batch.data))
            self._set_frequency(value)
        else:
            self.batches.append(batch)
            self.event_bytes += len(batch.data)

    def _add_strings(self, data: bytes, limits: Limits) -> None:
        at, end = 1, len(data)
        strings = self.strings
        while at < end:
            if data[at] != Event.STRING:
                raise MalformedTraceError("a strings batch holds something else")
            number, at = read_varint(data, at + 1, end)
            size, at = read_varint(data, at, end)
            if size > MAX_STRING_BYTES:
                raise MalformedTraceError(f"a string of {size} bytes is over {MAX_STRING_BYTES}")
            if at + size > end:
                raise IndexError
            if number in strings:
                raise MalformedTraceError(f"string {number} is there twice")
            strings[number] = data[at : at + size]
            at += size
        self.string_bytes += len(data)
        if len(strings) > limits.strings:
            raise LimitExceededError("strings of a generation", len(strings), limits.strings)
        if self.string_bytes > limits.string_bytes:
            raise LimitExceededError(
                "bytes of a generation's strings", self.string_bytes, limits.string_bytes
            )

    def _add_sync(self, batch: Batch) -> None:
        data = batch.data
        at, end = 1, len(data)
        while at < end:
            kind = data[at]
            if kind == Event.FREQUENCY:
                value, at = read_varint(data, at + 1, end)
                self._set_frequency(value)
            elif kind == Event.CLOCK_SNAPSHOT:
                delta, at = read_varint(data, at + 1, end)
                monotonic, at = read_varint(data, at, end)
                seconds, at = read_varint(data, at, end)
                nanoseconds, at = read_varint(data, at, end)
                if self.clock is not None:
                    raise MalformedTraceError("a second clock snapshot in one generation")
                self.clock = ClockSnapshot(
                    batch.time + delta, monotonic, seconds * 10**9 + nanoseconds
                )
            else:
                raise MalformedTraceError(f"a sync batch holds an event {kind}")

    def _set_frequency(self, value: int) -> None:
        if self.frequency:
            raise MalformedTraceError("a second frequency in one generation")
        if value not in _FREQUENCIES:
            raise MalformedTraceError(f"a clock of {value} ticks a second is not believable")
        self.frequency = value
