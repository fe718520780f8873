"""Call stacks, interned over the whole trace, and the numbers that stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goleakprobe.trace.errors import LimitExceededError, MalformedTraceError
from goleakprobe.trace.varints import all_varints
from goleakprobe.trace.wire import MAX_STACK_FRAMES, Event
from goleakprobe_schemas import Frame

if TYPE_CHECKING:
    from goleakprobe.trace.generation import Generation
    from goleakprobe.trace.limits import Limits

__all__ = ["NO_STACK", "UNKNOWN_STACK", "StackTable"]

NO_STACK = 0
UNKNOWN_STACK = -1
"""An event named a stack that its generation's table lacks."""


class StackTable:
    """Every distinct stack of a trace once, leaf first.

    Stack ids on the wire are a generation's own; program counters are the process's own. So a
    stack is its list of program counters, and a frame is resolved once for each of these.
    """

    def __init__(self, limits: Limits) -> None:
        self.frames: list[tuple[Frame, ...]] = [()]
        """Frames by interned number; number 0 is no stack."""
        self._numbers: dict[bytes, int] = {b"": NO_STACK}
        self._by_counter: dict[int, Frame] = {}
        self._frame_count = 0
        self._limits = limits

    def __len__(self) -> int:
        return len(self.frames)

    def add(self, generation: Generation) -> dict[int, int]:
        """Intern a generation's stacks; local id → interned number.

        Raises MalformedTraceError and LimitExceededError.
        """
        local = {0: NO_STACK}
        for batch in generation.stack_batches:
            self._add_batch(batch, local, generation)
        return local

    def _add_batch(self, batch: bytes, local: dict[int, int], generation: Generation) -> None:
        numbers = all_varints(batch, skip=1)
        values = numbers.tolist()
        at, end = 0, len(values)
        while at < end:
            if values[at] != Event.STACK or at + 3 > end:
                raise MalformedTraceError("a stacks batch holds something else")
            stack, count = values[at + 1], values[at + 2]
            at += 3
            after = at + 4 * count
            if count > MAX_STACK_FRAMES or after > end:
                raise MalformedTraceError(f"a stack of {count} frames")
            if stack in local:
                raise MalformedTraceError(f"stack {stack} is there twice")
            key = numbers[at:after:4].tobytes()
            number = self._numbers.get(key)
            if number is None:
                number = self._intern(key, values[at:after], generation)
            local[stack] = number
            at = after

    def _intern(self, key: bytes, values: list[int], generation: Generation) -> int:
        number = len(self.frames)
        self._frame_count += len(values) // 4
        if number >= self._limits.stacks:
            raise LimitExceededError("stacks", number, self._limits.stacks)
        if self._frame_count > self._limits.frames:
            raise LimitExceededError("frames", self._frame_count, self._limits.frames)
        frames = []
        for at in range(0, len(values), 4):
            frame = self._by_counter.get(values[at])
            if frame is None:
                function = generation.text(values[at + 1])
                file = generation.text(values[at + 2])
                if function is None or file is None:
                    raise MalformedTraceError("a stack frame names a string that is not there")
                frame = self._by_counter[values[at]] = Frame(function, file, values[at + 3])
            frames.append(frame)
        self.frames.append(tuple(frames))
        self._numbers[key] = number
        return number
