"""Recognise a known stack under arguments never seen before, without reading it line by line.

A body is cut at its tabs, which stand in front of every file. Each part then begins with text
that never changes (the file of one frame and the function of the next) and ends with
arguments or the creator's id, which do. A body has a known shape if every part begins alike.

Addresses are mostly equally long, and so are then the bodies: where the constant text stood the
last time is looked at first, which costs a third.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Generic, TypeVar

from goleakprobe.profiles.dump_stack import ARGUMENTS

__all__ = ["Shapes"]

_CREATED = b"\ncreated by "
_CREATOR = b" in goroutine "
_ID_DIGITS = 19
# Stacks that share depth, root and the line of the leaf; reading costs as much as trying more.
_CANDIDATES = 8

# Lengths that arguments and creator ids of one shape come in.
_LAYOUTS = 4
_ENDS = 24
# So many bodies in a row that stood nowhere known: their lengths differ in earnest.
_PATIENCE = 1000

T = TypeVar("T")
_Key = tuple[bytes, bytes, int]


class _Shape(Generic[T]):
    """What bodies of one shape have in common."""

    __slots__ = ("creator", "layouts", "starts", "thing")

    def __init__(self, starts: list[bytes], thing: T) -> None:
        self.starts = starts
        self.creator = starts[-2].endswith(_CREATOR)
        self.thing = thing
        self.layouts = 0


class _Layout(Generic[T]):
    """Where the constant text of a shape stands in bodies of one length."""

    __slots__ = ("creator", "pick", "texts", "thing")

    def __init__(self, parts: list[bytes], shape: _Shape[T]) -> None:
        slices, at = [], 0
        for part, start in zip(parts, shape.starts, strict=True):
            # The line feed and the tab before a part belong to its constant text.
            slices.append(slice(max(0, at - 2), at + len(start)))
            at += len(part) + 1
        body = b"\t".join(parts)
        self.pick: Callable[[bytes], tuple[bytes, ...]] = itemgetter(*slices)
        self.texts = self.pick(body)
        self.creator = slice(slices[-2].stop, slices[-1].start) if shape.creator else None
        self.thing = shape.thing


class Shapes(Generic[T]):
    """Things by the shape of their text."""

    def __init__(self) -> None:
        self._shapes: dict[_Key, list[_Shape[T]]] = {}
        self._layouts: dict[_Key, _Layout[T]] = {}
        self._misses = 0

    def add(self, body: bytes, thing: T) -> None:
        """Remember the shape of ``body``."""
        parts = body.split(b"\t")
        starts = [*map(_start, parts[:-1]), parts[-1]]
        shapes = self._shapes.setdefault(_key(parts), [])
        if len(parts) > 1 and b"" not in starts and len(shapes) < _CANDIDATES:
            shapes.append(_Shape(starts, thing))

    def find(self, body: bytes) -> tuple[T, int | None] | None:
        """The thing whose shape ``body`` has, and the id of its creator."""
        if self._misses < _PATIENCE:
            layout = self._layouts.get((body[:_ENDS], body[-_ENDS:], len(body)))
            if layout is not None and layout.pick(body) == layout.texts:
                self._misses = 0
                if layout.creator is None:
                    return layout.thing, None
                number = body[layout.creator]
                if number.isdigit() and len(number) <= _ID_DIGITS:
                    return layout.thing, int(number)
            self._misses += 1
        return self._compare(body)

    def _compare(self, body: bytes) -> tuple[T, int | None] | None:
        parts = body.split(b"\t")
        for shape in self._shapes.get(_key(parts), ()):
            starts = shape.starts
            if all(map(bytes.startswith, parts, starts)):
                number = parts[-2][len(starts[-2]) : -1] if shape.creator else b"0"
                if not number.isdigit() or len(number) > _ID_DIGITS:
                    continue
                if shape.layouts < _LAYOUTS:
                    shape.layouts += 1
                    place = (body[:_ENDS], body[-_ENDS:], len(body))
                    self._layouts[place] = _Layout(parts, shape)
                return shape.thing, int(number) if shape.creator else None
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
