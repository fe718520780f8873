"""Bytes in pieces of any size to whole generations: header, batches, and what kind each batch is.

Nothing is read or awaited here; the caller feeds bytes as they come. One generation is held.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from goleakprobe.trace.damage import DamageLog
from goleakprobe.trace.errors import (
    LimitExceededError,
    MalformedTraceError,
    NotATraceError,
    TraceError,
    UnsupportedVersionError,
)
from goleakprobe.trace.generation import Batch, Generation
from goleakprobe.trace.varints import MAX_VARINT_BYTES, read_varint
from goleakprobe.trace.wire import HEADER_BYTES, LAST_EVENTS, MAX_BATCH_BYTES, Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from goleakprobe.trace.limits import Limits

__all__ = ["Framer"]

_HEADER = re.compile(rb"go 1\.(\d{1,3}) trace\0{3,4}\Z")
# Type, experiment, generation, thread, time and size.
_MAX_BATCH_HEADER_BYTES = 2 + 4 * MAX_VARINT_BYTES


class Framer:
    """Cuts a trace into generations.

    ``feed`` yields every generation that its bytes complete; ``finish`` yields the last one of
    versions that have no end mark. A generation whose tables are broken is dropped and logged as
    damage; once the framing itself is lost nothing more is read and the rest counts as lost.
    """

    def __init__(self, limits: Limits, damage: DamageLog) -> None:
        self.version = 0
        """Minor number of the wire version; 0 until the header has been read."""
        self.read_bytes = 0
        self._limits = limits
        self._damage = damage
        self._buffer = b""
        self._generation: Generation | None = None
        self._previous = 0
        self._count = 0
        self._lost = False

    def feed(self, chunk: bytes) -> Iterator[Generation]:
        """Take the next bytes of the trace.

        Raises NotATraceError and UnsupportedVersionError; later faults are damage, not errors.
        """
        self.read_bytes += len(chunk)
        if self._lost:
            self._damage.lose(len(chunk))
            return
        data = self._buffer + chunk if self._buffer else chunk
        at = 0
        if not self.version:
            if len(data) < HEADER_BYTES:
                self._buffer = data
                return
            self._read_header(data[:HEADER_BYTES])
            at = HEADER_BYTES
        while not self._lost:
            try:
                step = self._read_batch(data, at)
            except IndexError:
                break
            except TraceError as error:
                self._stop(str(error), len(data) - at)
                break
            generation, at = step
            if generation is not None:
                yield generation
        self._buffer = b"" if self._lost else data[at:]

    def finish(self) -> Iterator[Generation]:
        """Say that no more bytes come.

        Raises NotATraceError when not even a header came.
        """
        if not self.version:
            raise NotATraceError(self._buffer)
        if self._lost:
            return
        generation = self._generation
        cut = len(self._buffer)
        if generation is not None:
            generation.at_end_of_file = True
            if cut or LAST_EVENTS[self.version] >= Event.END_OF_GENERATION:
                self._stop("the trace ends inside a generation; it was cut", cut)
                return
            self._generation = None
            yield generation
        elif cut:
            self._stop("the trace ends inside a batch; it was cut", cut)

    def _read_header(self, head: bytes) -> None:
        match = _HEADER.match(head)
        if match is None:
            raise NotATraceError(head)
        version = int(match.group(1))
        if version not in LAST_EVENTS:
            raise UnsupportedVersionError(version)
        self.version = version

    def _read_batch(self, data: bytes, at: int) -> tuple[Generation | None, int]:
        """The generation that this batch completes, and the position after the batch.

        Raises IndexError when the batch is not all there.
        """
        begin = at
        kind = data[at]
        if kind == Event.END_OF_GENERATION and LAST_EVENTS[self.version] >= kind:
            done, self._generation = self._generation, None
            return done, at + 1
        experiment = 0
        if kind == Event.EXPERIMENTAL_BATCH and LAST_EVENTS[self.version] >= kind:
            at += 1
            experiment = data[at]
        elif kind != Event.EVENT_BATCH:
            raise MalformedTraceError(f"a batch was expected, not a byte {kind}")
        end = min(len(data), begin + _MAX_BATCH_HEADER_BYTES)
        number, at = read_varint(data, at + 1, end)
        thread, at = read_varint(data, at, end)
        time, at = read_varint(data, at, end)
        size, at = read_varint(data, at, end)
        if size > MAX_BATCH_BYTES:
            raise MalformedTraceError(f"a batch of {size} bytes is over {MAX_BATCH_BYTES}")
        if at + size > len(data):
            raise IndexError("the bytes end inside a batch")
        done = self._enter(number)
        generation = self._generation
        assert generation is not None
        generation.add(Batch(thread, time, data[at : at + size]), experiment, self._limits)
        return done, at + size

    def _enter(self, number: int) -> Generation | None:
        """Make ``number`` the current generation; the one before, if this ends it."""
        current = self._generation
        if current is not None and current.number == number:
            return None
        if number == 0:
            raise MalformedTraceError("a batch of generation 0")
        if current is not None and (
            LAST_EVENTS[self.version] >= Event.END_OF_GENERATION or number != current.number + 1
        ):
            raise MalformedTraceError(f"generation {number} inside generation {current.number}")
        if number <= self._previous:
            raise MalformedTraceError(f"generation {number} after {self._previous}")
        self._count += 1
        if self._count > self._limits.generations:
            raise LimitExceededError("generations", self._count, self._limits.generations)
        self._generation = Generation(number, self.version, first=self._count == 1)
        self._previous = number
        return current

    def _stop(self, reason: str, rest_bytes: int) -> None:
        generation, self._generation = self._generation, None
        self._lost = True
        self._buffer = b""
        number = generation.number if generation else 0
        lost = rest_bytes + (generation.byte_count if generation else 0)
        self._damage.add(number, reason, lost)
