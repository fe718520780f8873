"""The identity of a stack: 128 bits that survive a rebuild and a Go upgrade.

What goes in, and why so little of it:

* the functions of the first ``SIGNED_FRAMES`` frames outside the waiting machinery, leaf first,
  each normalised by ``normal_function``; runtime frames, ``panic`` and the compiler's wrappers are
  left out wherever they stand, and a function that calls itself counts once. Go up to 1.22 keeps
  32 program counters of a stack, text dumps elide the middle beyond 100 frames: 24 frames are
  what every source still has after up to eight frames of machinery.
* the wait kind, folded by ``wait_class``.
* the creation site only where no frame is left. Only text dumps know the go statement, so a
  leak seen by a protobuf profile could never be joined with the same leak in a dump if it were
  part of every key. The root frame, the function that the go statement started, is in the stack.

What stays out: arguments, addresses, offsets, files, lines, labels, thread locks, leaked marks.

Known differences: ``debug=1`` text hides the runtime frames and cannot tell a send from a
receive; its channel waits have a wait kind of their own (``waiting``). Go up to 1.26 names a
closure after the package it was inlined into, so one that was inlined across packages changes its
signature once, at the upgrade to 1.27.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from goleakprobe.profiles.symbols import (
    is_runtime,
    is_waiting_machinery,
    is_wrapper,
    normal_function,
)
from goleakprobe.profiles.waits import wait_class
from goleakprobe_schemas import Frame

__all__ = [
    "SIGNED_FRAMES",
    "blocking_frame",
    "signature",
    "signed_functions",
    "site",
    "visible_frames",
]

SIGNED_FRAMES = 24

_ROOTS = frozenset({"runtime.goexit", "runtime.main", "runtime.corostart"})


def signature(frames: Sequence[Frame], wait: str, creation: str = "") -> str:
    """Sign a stack: 32 hex digits.

    ``frames`` run from the leaf to the root and may come from any source, with or without the
    runtime's frames. ``wait`` is in the runtime's words. ``creation`` (``function file:line``)
    is used, without its file and line, only if no frame is left to sign.

    >>> text = (Frame("main.(*Box[...]).wait"),)
    >>> proto = (Frame("runtime.gopark"), Frame("runtime.chanrecv"), Frame("runtime.chanrecv1"),
    ...          Frame("main.(*Box[go.shape.int]).wait"), Frame("main.serve.gowrap2"))
    >>> signature(text, "chan receive (nil chan)") == signature(proto, "chan receive")
    True
    """
    functions = [frame.function for frame in frames]
    signed = signed_functions(functions)
    if not signed and creation:
        signed = [normal_function(creation.partition(" ")[0])]
    kind = wait_class(wait, (name for name in functions if not is_runtime(name)))
    digest = blake2b(digest_size=16, person=b"goleakprobe/1")
    digest.update("\n".join([kind, *signed]).encode("utf-8", "replace"))
    return digest.hexdigest()


def signed_functions(functions: Sequence[str]) -> list[str]:
    """The normalised function names that a signature covers, leaf first."""
    written = [name for name in functions if not is_runtime(name) and not is_wrapper(name)]
    start = _first_outside_machinery(written)
    signed: list[str] = []
    for function in written[start : start + SIGNED_FRAMES]:
        name = normal_function(function)
        if not signed or signed[-1] != name:
            signed.append(name)
    return signed


def blocking_frame(frames: Sequence[Frame]) -> Frame | None:
    """The first frame outside the waiting machinery; the leaf if all of it is machinery."""
    if not frames:
        return None
    start = _first_outside_machinery([frame.function for frame in frames])
    return frames[min(start, len(frames) - 1)]


def site(frame: Frame | None) -> str:
    """``function file:line``; empty for no frame."""
    if frame is None:
        return ""
    return f"{frame.function} {frame.file}:{frame.line}" if frame.file else frame.function


def visible_frames(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """The frames an endpoint's text prints: without the runtime's own at the leaf and the root.

    A stack of runtime frames alone stays as it is.
    """
    start, end = 0, len(frames)
    while start < end and is_runtime(frames[start].function):
        start += 1
    while end > start and _is_root(frames[end - 1].function):
        end -= 1
    return tuple(frames[start:end] if start < end else frames)


def _is_root(function: str) -> bool:
    return function in _ROOTS or is_wrapper(function)


def _first_outside_machinery(functions: Sequence[str]) -> int:
    for index, function in enumerate(functions):
        if not is_waiting_machinery(function):
            return index
    # A goroutine made of machinery alone (a bare WaitGroup.Wait): its root names it best.
    return next(
        (i for i in range(len(functions) - 1, -1, -1) if not is_runtime(functions[i])),
        len(functions),
    )
