"""Why goroutines wait or stop, in the runtime's words, numbered over the whole trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goleakprobe.profiles.text import clean
from goleakprobe.trace.errors import LimitExceededError
from goleakprobe.trace.identifiers import IdMap

if TYPE_CHECKING:
    from goleakprobe.trace.generation import Generation

__all__ = ["NO_REASON", "UNKNOWN_REASON", "ReasonTable"]

_MAX_REASON_CHARS = 64
NO_REASON = 0
UNKNOWN_REASON = -1
_MAX_LOCAL_ID = (1 << 31) - 3

# https://github.com/golang/go/blob/master/src/runtime/traceruntime.go: traceBlockReasonStrings
# and traceGoStopReasonStrings.
_KNOWN = (
    "",
    "unspecified",
    "forever",
    "network",
    "select",
    "sync.(*Cond).Wait",
    "sync",
    "chan send",
    "chan receive",
    "GC mark assist wait for work",
    "GC background sweeper wait",
    "system goroutine wait",
    "preempted",
    "wait for debug call",
    "wait until GC ends",
    "sleep",
    "GC weak to strong wait",
    "synctest",
    "runtime.Gosched",
)


class ReasonTable:
    """Every reason of a trace once.

    Strings are a generation's own and most are names of functions, so only those that the runtime
    is known to use are numbered beforehand; the rest are numbered when an event names them.
    """

    def __init__(self, limit: int) -> None:
        self.texts = list(_KNOWN)
        self._numbers = {text.encode(): number for number, text in enumerate(_KNOWN)}
        self._limit = limit

    def map_of(self, generation: Generation) -> IdMap:
        """Local string id → reason; a string not seen as one before → -2 - its id."""
        numbers = self._numbers
        return IdMap(
            {
                string: numbers.get(text, -2 - string)
                for string, text in generation.strings.items()
                if string <= _MAX_LOCAL_ID
            },
            UNKNOWN_REASON,
        )

    def settle(self, reasons: NDArray[np.int32], generation: Generation) -> None:
        """Number what ``map_of`` had left open, in place.

        Raises LimitExceededError.
        """
        if not len(reasons) or int(reasons.min()) >= UNKNOWN_REASON:
            return
        which = np.flatnonzero(reasons < UNKNOWN_REASON)
        found, inverse = np.unique(reasons[which], return_inverse=True)
        settled = [self._number(generation, -2 - value) for value in found.tolist()]
        reasons[which] = np.array(settled, np.int32)[inverse]

    def _number(self, generation: Generation, string: int) -> int:
        raw = generation.strings[string]
        number = self._numbers.get(raw)
        if number is None:
            number = len(self.texts)
            if number >= self._limit:
                raise LimitExceededError("wait reasons", number, self._limit)
            self._numbers[raw] = number
            self.texts.append(clean(raw, _MAX_REASON_CHARS))
        return number
