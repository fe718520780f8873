"""Bytes of an execution trace in, transitions of its goroutines out, a generation at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from goleakprobe.trace.columns import CpuSamples, Transitions
from goleakprobe.trace.damage import Damage, DamageLog
from goleakprobe.trace.engines import Engine, choose_engine
from goleakprobe.trace.errors import LimitExceededError, MalformedTraceError, TraceError
from goleakprobe.trace.framing import Framer
from goleakprobe.trace.identifiers import IdMap
from goleakprobe.trace.limits import Limits
from goleakprobe.trace.piece import LocalIds
from goleakprobe.trace.reasons import ReasonTable
from goleakprobe.trace.stacks import UNKNOWN_STACK, StackTable
from goleakprobe.trace.varints import all_varints
from goleakprobe.trace.wire import Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from goleakprobe.trace.generation import ClockSnapshot, Generation

__all__ = ["Decoder", "decode"]

_NS_PER_SECOND = 10**9


class Decoder:
    """Decodes one trace as its bytes come.

    Feed chunks of any size in order and take the generations each one completes; then finish.
    Memory follows the largest generation. Damage never raises: what is whole is decoded, and
    ``damages`` says what was lost. Interned stacks and reasons grow with the trace and are shared
    by all of its generations.
    """

    def __init__(self, limits: Limits | None = None, engine: str = "numpy") -> None:
        """``engine`` is ``numpy``, ``fast`` (needs numba) or ``auto`` (fast where it pays).

        Raises EngineUnavailableError.
        """
        limits = limits or Limits()
        self._limits = limits
        self._damage = DamageLog(limits.damages)
        self._framer = Framer(limits, self._damage)
        self._engine: Engine = choose_engine(engine)
        self._last_generation = 0
        self._decoded = 0
        self._reasons = ReasonTable(limits.reasons)
        self.stacks = StackTable(limits)
        self.event_count = 0

    @property
    def version(self) -> int:
        """Minor number of the wire version (22, 23, 25, 26); 0 before the header is there."""
        return self._framer.version

    @property
    def reasons(self) -> list[str]:
        """Texts of wait and stop reasons, by number."""
        return self._reasons.texts

    @property
    def read_bytes(self) -> int:
        """Bytes fed so far."""
        return self._framer.read_bytes

    @property
    def lost_bytes(self) -> int:
        """Bytes that could not be used."""
        return self._damage.lost_bytes

    @property
    def damages(self) -> list[Damage]:
        """Faults so far, in order; at most as many as the limit."""
        return self._damage.damages

    @property
    def damage_count(self) -> int:
        """All faults so far."""
        return self._damage.count

    def feed(self, chunk: bytes) -> Iterator[Transitions]:
        """Take the next bytes; gives the generations that they complete.

        Raises NotATraceError and UnsupportedVersionError.
        """
        yield from self._decode_all(self._framer.feed(chunk))

    def finish(self) -> Iterator[Transitions]:
        """Say that no more bytes come; gives the last generation where it is whole.

        Raises NotATraceError for a trace without even a header.
        """
        yield from self._decode_all(self._framer.finish())

    def _decode_all(self, generations: Iterable[Generation]) -> Iterator[Transitions]:
        for generation in generations:
            try:
                transitions = self._decode(generation)
            except TraceError as error:
                self._damage.add(generation.number, f"dropped: {error}", generation.byte_count)
                continue
            if transitions is not None:
                self._last_generation = generation.number
                yield transitions
            # Held on to, these would add to the next generation's memory.
            del transitions

    def _decode(self, generation: Generation) -> Transitions | None:
        if generation.fault is not None:
            raise generation.fault
        if not generation.frequency:
            raise MalformedTraceError("it has no clock frequency; the trace was probably cut")
        ids = LocalIds(self._stack_map(generation), self._reasons.map_of(generation))
        samples = self._samples(generation, ids)
        if not generation.batches:
            return None
        self._decoded += 1
        if self._decoded > self._limits.decoded_generations:
            raise LimitExceededError(
                "generations with events", self._decoded, self._limits.decoded_generations
            )
        ordered, event_count = self._engine.decode(generation, ids)
        if ordered is None:
            self.event_count += event_count
            return None
        self._reasons.settle(ordered.reason, generation)
        missing = int(np.count_nonzero(ordered.stack == UNKNOWN_STACK))
        if missing and generation.at_end_of_file:
            raise MalformedTraceError("its stack table is missing; the trace was cut")
        self.event_count += event_count
        broken = ordered.before[1:] != ordered.after[:-1]
        broken[ordered.first_row[1:] - 1] = False
        broken_links = int(np.count_nonzero(broken))
        self._note(generation.number, missing, broken_links, irregular=ordered.irregular)
        return Transitions(
            generation=generation.number,
            first=generation.first,
            after_gap=self._last_generation + 1 != generation.number and not generation.first,
            time_ns=_nanoseconds(ordered.time, generation.frequency),
            goroutine=ordered.goroutine,
            kind=ordered.kind,
            before=ordered.before,
            after=ordered.after,
            reason=ordered.reason,
            stack=ordered.stack,
            start_stack=ordered.start_stack,
            actor=ordered.actor,
            goroutines=ordered.goroutines,
            first_row=ordered.first_row,
            row_count=ordered.row_count,
            samples=samples,
            clock=_clock_ns(generation),
            event_count=event_count,
            byte_count=generation.byte_count,
            broken_links=broken_links,
            irregular=ordered.irregular,
        )

    def _note(self, number: int, missing: int, broken: int, *, irregular: bool) -> None:
        if missing:
            self._damage.add(number, f"{missing} events name a stack that is not there")
        if broken:
            self._damage.add(number, f"{broken} transitions do not follow from the one before")
        if irregular:
            self._damage.add(number, "sequence numbers have gaps or doubles")

    def _stack_map(self, generation: Generation) -> IdMap:
        return IdMap(self.stacks.add(generation), UNKNOWN_STACK)

    def _samples(self, generation: Generation, ids: LocalIds) -> CpuSamples:
        parts = [all_varints(batch, skip=1) for batch in generation.cpu_batches]
        numbers = np.concatenate(parts) if parts else np.empty(0, np.uint64)
        if len(numbers) % 6 or (numbers[::6] != Event.CPU_SAMPLE).any():
            raise MalformedTraceError("a CPU samples batch holds something else")
        table = numbers.reshape(-1, 6)
        stack = np.empty(len(table), np.int32)
        ids.stacks.map(np.minimum(table[:, 5], 1 << 62).astype(np.int64), stack)
        goroutine = table[:, 4].astype(np.int64)
        goroutine[goroutine == 0] = -1
        time = _nanoseconds(table[:, 1].astype(np.int64), generation.frequency)
        return CpuSamples(time, goroutine, stack)


def decode(
    chunks: Iterable[bytes], limits: Limits | None = None, engine: str = "numpy"
) -> tuple[Decoder, Iterator[Transitions]]:
    """A decoder and the generations of a whole trace, read lazily from its chunks."""
    decoder = Decoder(limits, engine)

    def generations() -> Iterator[Transitions]:
        for chunk in chunks:
            yield from decoder.feed(chunk)
        yield from decoder.finish()

    return decoder, generations()


def _nanoseconds(
    time: np.ndarray[tuple[int], np.dtype[np.int64]], frequency: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Trace units to nanoseconds, in place."""
    if _NS_PER_SECOND % frequency == 0:
        time *= _NS_PER_SECOND // frequency
        return time
    return (time * (_NS_PER_SECOND / frequency)).astype(np.int64)


def _clock_ns(generation: Generation) -> ClockSnapshot | None:
    """The clock snapshot with its trace time in nanoseconds."""
    clock = generation.clock
    if clock is None:
        return None
    return clock._replace(time=clock.time * _NS_PER_SECOND // generation.frequency)
