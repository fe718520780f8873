"""Recognise a known stack under arguments never seen before, without reading it line by line.

A body is cut at its tabs, which stand in front of every file. Each part then begins with text
that never changes (the file of one frame and the function of the next) and ends with
arguments or the creator's id, which do. A body has a known shape if every part begins alike.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from goleakprobe.profiles.dump_stack import ARGUMENTS

__all__ = ["Shapes"]

_CREATED = b"\ncreated by "
_CREATOR = b" in goroutine "
_ID_DIGITS = 19
# Stacks that share depth, root and the line of the leaf; reading costs as much as trying more.
_CANDIDATES = 8

T = TypeVar("T")
_Key = tuple[bytes, bytes, int]


class Shapes(Generic[T]):
    """Things by the shape of their text."""

    def __init__(self) -> None:
        self._shapes: dict[_Key, list[tuple[list[bytes], bool, T]]] = {}

    def add(self, body: bytes, thing: T) -> None:
        """Remember the shape of ``body``."""
        parts = body.split(b"\t")
        starts = [*map(_start, parts[:-1]), parts[-1]]
        shapes = self._shapes.setdefault(_key(parts), [])
        if len(parts) > 1 and b"" not in starts and len(shapes) < _CANDIDATES:
            shapes.append((starts, starts[-2].endswith(_CREATOR), thing))

    def find(self, body: bytes) -> tuple[T, int | None] | None:
        """The thing whose shape ``body`` has, and the id of its creator."""
        parts = body.split(b"\t")
        for starts, creator, thing in self._shapes.get(_key(parts), ()):
            if all(map(bytes.startswith, parts, starts)):
                if not creator:
                    return thing, None
                number = parts[-2][len(starts[-2]) : -1]
                if number.isdigit() and len(number) <= _ID_DIGITS:
                    return thing, int(number)
        return None


def _key(parts: list[bytes]) -> _Key:
    leaf = parts[1].partition(b"\n")[0] if len(parts) > 1 else b""
    return leaf, parts[-1], len(parts)


def _start(part: bytes) -> bytes:
    """What of a part never changes; empty if its last line is no function line."""
    if (created := part.find(_CREATED)) >= 0:
        creator = part.find(_CREATOR, created)
        return part if creator < 0 else part[: creator + len(_CREATOR)]
    arguments = ARGUMENTS.search(part, max(0, part[:-1].rfind(b"\n")))
    return b"" if arguments is None else part[: arguments.start() + 1]
