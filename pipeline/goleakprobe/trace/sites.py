"""Places in the code, by the numbers that statistics count them under.

A blocking site is where a goroutine waits, for what, and by which way it came there: the last as
the signature that snapshots give the stack, so that readers and servers that wait in the same
line of the standard library stay apart. A creation site is the ``go`` statement and what it
starts. Many stacks share a site. Numbers are dense and last for the whole trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from goleakprobe.profiles.signatures import blocking_frame, signature, site
from goleakprobe.profiles.symbols import is_runtime
from goleakprobe.profiles.waits import wait_from_leaf, wait_from_sync

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe.trace.decoder import Decoder
    from goleakprobe_schemas import Frame

__all__ = ["NOWHERE", "BlockingPlace", "CreationPlace", "Places"]

NOWHERE = 0
"""The site of a goroutine whose creation was not seen, or of a wait without a stack."""

_DIRECT_KEYS = 1 << 22
_RUNTIME_MAIN = "runtime.main"
_VAGUE = frozenset({"", "waiting", "runnable", "running"})
# Traces and dumps name some waits differently; the dumps' words are the ones findings use.
_WORDS = {
    "network": "IO wait",
    "forever": "select (no cases)",
    "sync.(*Cond).Wait": "sync.Cond.Wait",
    "sync": "semacquire",
    "unspecified": "waiting",
    "": "waiting",
}


class BlockingPlace(NamedTuple):
    """Where goroutines wait, and for what."""

    wait: str
    """In the runtime's words: ``chan send``, ``select``, ``sync.WaitGroup.Wait``..."""
    site: str
    """``function file:line`` of the code that waits."""
    stack: int
    """One stack that waits here, interned; the first seen."""
    signature: str
    """The signature that snapshots would give this wait; empty for a waker's place."""


class CreationPlace(NamedTuple):
    """Where goroutines are started, and as what."""

    site: str
    """``function file:line`` of the go statement; empty where the trace does not show it."""
    start: str
    """The function they start in."""
    runtime: bool
    """One of the runtime's own workers."""


class Places:
    """Numbers places as statistics meet them."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.blocking: list[BlockingPlace] = [BlockingPlace("", "", 0, "")]
        self.creation: list[CreationPlace] = [CreationPlace("", "", runtime=False)]
        self._blocking_numbers: dict[tuple[str, str, str], int] = {("", "", ""): NOWHERE}
        self._creation_numbers: dict[tuple[str, str], int] = {("", ""): NOWHERE}
        self._blocking_keys: dict[int, int] = {}
        self._creation_keys: dict[int, int] = {}
        self._wakers: dict[int, int] = {}

    def frames(self, stack: int) -> tuple[Frame, ...]:
        """Frames of an interned stack; none for an unknown one."""
        frames = self._decoder.stacks.frames
        return frames[stack] if 0 <= stack < len(frames) else ()

    def blocking_numbers(
        self, stacks: NDArray[np.int32], reasons: NDArray[np.int32]
    ) -> NDArray[np.int64]:
        """Blocking site of each wait with this stack and reason."""
        return _numbered(stacks, reasons, self._blocking_keys, self._blocking)

    def creation_numbers(
        self, creators: NDArray[np.int32], starts: NDArray[np.int32]
    ) -> NDArray[np.int64]:
        """Creation site of each new goroutine with these stacks."""
        return _numbered(starts, creators, self._creation_keys, self._creation)

    def waker_numbers(self, stacks: NDArray[np.int32]) -> NDArray[np.int64]:
        """The site (numbered among blocking sites) of the code that unblocked someone."""
        return _numbered(stacks, np.zeros_like(stacks), self._wakers, self._waker)

    def pre_existing(self, stack: int) -> int:
        """Creation site of a goroutine known only by a stack it waits at: its root function."""
        frames = self.frames(stack)
        outer = [frame for frame in frames if frame.function != "runtime.goexit"]
        return self._creation_of("", outer[-1].function if outer else "")

    def _blocking(self, stack: int, reason: int) -> int:
        frames = self.frames(stack)
        texts = self._decoder.reasons
        functions = [frame.function for frame in frames]
        words = wait_from_leaf(functions) if frames else ""
        if words in _VAGUE:
            text = texts[reason] if 0 < reason < len(texts) else ""
            words = (text == "sync" and wait_from_sync(functions)) or _WORDS.get(text, text)
        where = site(blocking_frame(frames))
        return self._blocking_of(BlockingPlace(words, where, stack, signature(frames, words)))

    def _blocking_of(self, place: BlockingPlace) -> int:
        key = (place.wait, place.site, place.signature)
        number = self._blocking_numbers.setdefault(key, len(self.blocking))
        if number == len(self.blocking):
            self.blocking.append(place)
        return number

    def _waker(self, stack: int, _: int) -> int:
        frame = blocking_frame(self.frames(stack))
        return self._blocking_of(BlockingPlace("", site(frame), stack, "")) if frame else NOWHERE

    def _creation(self, start: int, creator: int) -> int:
        frames = self.frames(start)
        where = site(_creating_frame(self.frames(creator)))
        return self._creation_of(where, frames[0].function if frames else "")

    def _creation_of(self, where: str, start: str) -> int:
        number = self._creation_numbers.setdefault((where, start), len(self.creation))
        if number == len(self.creation):
            own = start.startswith(("runtime.", "runtime/")) and start != _RUNTIME_MAIN
            self.creation.append(CreationPlace(where, start, runtime=own))
        return number


def _creating_frame(frames: Sequence[Frame]) -> Frame | None:
    for frame in frames:
        if not is_runtime(frame.function):
            return frame
    return frames[0] if frames else None


def _numbered(
    left: NDArray[np.int32], right: NDArray[np.int32], known: dict[int, int], number: object
) -> NDArray[np.int64]:
    """Numbers of (left, right) pairs; ``number`` is asked once for each new pair."""
    assert callable(number)
    if not len(left):
        return np.empty(0, np.int64)
    width = int(right.max()) + 2
    keys = (left.astype(np.int64) + 1) * width
    keys += right
    keys += 1
    top = int(keys.max())
    if top < _DIRECT_KEYS:
        seen = np.zeros(top + 1, np.bool_)
        seen[keys] = True
        distinct = np.flatnonzero(seen)
    else:
        distinct = np.unique(keys)
    numbers = np.empty(len(distinct), np.int64)
    for at, key in enumerate(distinct.tolist()):
        pair = (key // width - 1, key % width - 1)
        # Pairs, not keys, are remembered: the width may differ the next time.
        name = (pair[0] + 1) << 32 | (pair[1] + 1)
        found = known.get(name)
        if found is None:
            found = known[name] = number(*pair)
        numbers[at] = found
    if top < _DIRECT_KEYS:
        table = np.empty(top + 1, np.int64)
        table[distinct] = numbers
        return table.take(keys)
    return numbers.take(np.searchsorted(distinct, keys))
