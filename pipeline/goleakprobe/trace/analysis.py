"""A whole trace at once: bytes in as they come, a window and its suspects out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from goleakprobe.trace.decoder import Decoder
from goleakprobe.trace.errors import TraceError
from goleakprobe.trace.evidence import Suspect, Thresholds, find_suspects
from goleakprobe.trace.lifecycles import Lifecycles
from goleakprobe.trace.summary import Caps, summarise
from goleakprobe.trace.window import TraceWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from goleakprobe.trace.columns import Transitions
    from goleakprobe.trace.limits import Limits

__all__ = ["NothingDecodedError", "TraceAnalysis", "TraceReport"]


class NothingDecodedError(TraceError):
    """Not one whole generation could be used."""

    def __init__(self, decoder: Decoder) -> None:
        why = "; ".join(damage.reason for damage in decoder.damages[:3]) or "it holds no goroutine"
        super().__init__(f"nothing in the trace could be decoded: {why}")


class TraceReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a trace says, and who is suspected of leaking."""

    suspects: tuple[Suspect, ...]
    window: TraceWindow


class TraceAnalysis:
    """Feed the bytes of one trace in order, then finish.

    ``sink`` is given every generation as it is decoded. Nothing else is kept of a generation but
    its statistics.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        engine: str = "numpy",
        thresholds: Thresholds | None = None,
        caps: Caps | None = None,
    ) -> None:
        self.decoder = Decoder(limits, engine)
        self.sink: Callable[[Transitions], None] | None = None
        self._lives = Lifecycles(self.decoder)
        self._thresholds = thresholds
        self._caps = caps
        self._wall_start_ns: int | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises NotATraceError and UnsupportedVersionError.
        """
        for part in self.decoder.feed(chunk):
            self._add(part)
            del part  # else it is held while the next generation is decoded

    def finish(self) -> TraceReport:
        """The report of all that was whole.

        Raises NotATraceError, and NothingDecodedError where no generation was.
        """
        for part in self.decoder.finish():
            self._add(part)
        if not self._lives.generations:
            raise NothingDecodedError(self.decoder)
        window = summarise(self.decoder, self._lives, self._wall_start_ns, self._caps)
        suspects = find_suspects(window, self._thresholds)
        return TraceReport(window=window, suspects=tuple(suspects))

    def _add(self, part: Transitions) -> None:
        self._lives.add(part)
        if self._wall_start_ns is None and part.clock is not None:
            offset = part.clock.wall_ns - part.clock.time
            self._wall_start_ns = self._lives.start_ns + offset
        if self.sink is not None:
            self.sink(part)
