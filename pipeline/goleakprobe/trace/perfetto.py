"""Goroutine states as slices that Perfetto's and Chrome's trace viewers open.

The format is Chrome's JSON trace events, which Perfetto reads: one track a goroutine, one slice a
state. https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import msgspec
import numpy as np

from goleakprobe.profiles.signatures import blocking_frame, site
from goleakprobe.trace.states import State

if TYPE_CHECKING:
    from goleakprobe.trace.columns import Transitions
    from goleakprobe.trace.decoder import Decoder

__all__ = ["PerfettoWriter"]

_LIMIT = 2_000_000


class PerfettoWriter:
    """Writes slices as generations come; a viewer cannot hold more than ``limit`` of them."""

    def __init__(self, sink: TextIO, decoder: Decoder, limit: int = _LIMIT) -> None:
        self._sink = sink
        self._decoder = decoder
        self._left = limit
        self._encode = msgspec.json.encode
        self._named: set[int] = set()
        self.skipped = 0
        """Slices that the limit left out."""
        sink.write('{"displayTimeUnit":"ns","traceEvents":[\n')
        sink.write('{"ph":"M","pid":1,"name":"process_name","args":{"name":"goroutines"}}')

    def write(self, part: Transitions) -> None:
        """Append a generation; a state that goes on is one slice in each."""
        begins = np.ones(len(part), np.bool_)
        ends = np.append(part.time_ns[1:], part.time_ns[-1:])
        last = part.first_row + part.row_count - 1
        ends[last] = int(part.time_ns.max(initial=0))
        begins[part.after == State.NOT_EXIST] = False
        rows = np.flatnonzero(begins)
        taken = rows[: self._left]
        self.skipped += len(rows) - len(taken)
        self._left -= len(taken)
        frames, reasons = self._decoder.stacks.frames, self._decoder.reasons
        for row in taken.tolist():
            goroutine = int(part.goroutine[row])
            self._name(goroutine, int(part.start_stack[row]))
            begin = int(part.time_ns[row])
            arguments = {}
            if part.reason[row] > 0:
                arguments["reason"] = reasons[part.reason[row]]
            if part.stack[row] > 0:
                arguments["at"] = site(blocking_frame(frames[part.stack[row]]))
            if part.actor[row] >= 0 and part.actor[row] != goroutine:
                arguments["by goroutine"] = str(int(part.actor[row]))
            slice_ = {
                "ph": "X",
                "pid": 1,
                "tid": goroutine,
                "name": State(part.after[row]).label,
                "ts": begin / 1000,
                "dur": max(0, int(ends[row]) - begin) / 1000,
                "args": arguments,
            }
            self._sink.write(",\n" + self._encode(slice_).decode())

    def close(self) -> None:
        """End the document; the sink stays open."""
        self._sink.write("\n]}\n")

    def _name(self, goroutine: int, start: int) -> None:
        if goroutine in self._named:
            return
        self._named.add(goroutine)
        frames = self._decoder.stacks.frames[start] if start > 0 else ()
        function = frames[0].function if frames else "goroutine"
        name = {"ph": "M", "pid": 1, "tid": goroutine, "name": "thread_name"}
        self._sink.write(
            ",\n" + self._encode({**name, "args": {"name": f"{function} {goroutine}"}}).decode()
        )
