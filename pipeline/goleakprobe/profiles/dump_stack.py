"""The frames below a header of a text dump."""

from __future__ import annotations

import re

from goleakprobe.profiles.limits import Limits
from goleakprobe.profiles.text import clean
from goleakprobe_schemas import Frame

__all__ = [
    "ARGUMENTS",
    "FILE_LINE",
    "HEADER_WITHIN",
    "IrregularError",
    "read_frames",
    "read_site",
    "starts_within",
]

ARGUMENTS = re.compile(rb"\([^()\n]*\)(?=\n|$)")
"""The arguments at the end of a function line; they are hexadecimal, so hold no parentheses."""

FILE_LINE = re.compile(rb"\t(.*):(\d{1,9})(?: \+0x[0-9a-f]+)?(?: [a-z]+=0x.*)?$")
"""Crash dumps end it with ``fp=0x… sp=0x… pc=0x…``."""

HEADER_WITHIN = re.compile(rb"goroutine \d{1,19} (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[a-zA-Z]")
"""A header anywhere in a line: where one is missed, the text is not in the runtime's layout."""

_ELIDED = re.compile(rb"\.\.\.(?:\d+|additional) frames elided\.\.\.$")
_ANCESTOR = b"[originating from goroutine "
_NO_STACK = b"\tgoroutine running on other thread"


_FRAME_END = re.compile(rb":\d{1,9} \+0x[0-9a-f]+\b")
# What prints frames that belong to no goroutine.
_NO_GOROUTINE = re.compile(rb"runtime stack:|DATA RACE")
_LOOK_BACK = 1 << 16


class IrregularError(Exception):
    """Text that does not follow the runtime's grammar; internal, it starts the repair."""


def read_frames(body: bytes, limits: Limits) -> tuple[tuple[Frame, ...], bool]:
    """Read function and file lines; leaf first.

    Answers the frames and whether the last one lacks its file line: the text was cut there.
    Lines of ancestors (``GODEBUG=tracebackancestors``) are left out.
    """
    frames: list[Frame] = []
    pending: bytes | None = None
    lines = body.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if line.startswith(_ANCESTOR):
            break
        if line.startswith(b"\t"):
            match = FILE_LINE.match(line)
            if match is None:
                if line.startswith(_NO_STACK) or pending is None:
                    continue
                if number < len(lines):
                    raise IrregularError
                return tuple(frames), True
            if pending is not None:
                _append(frames, pending, match, limits)
                pending = None
        elif not line or _ELIDED.match(line):
            continue
        elif pending is not None or line.startswith(b"goroutine "):
            raise IrregularError
        else:
            pending = line
    return tuple(frames), pending is not None


def read_site(created: bytes, limits: Limits) -> tuple[str, int | None]:
    """Read what follows ``created by ``: ``function file:line`` and the creator's id."""
    head, _, rest = created.partition(b"\n")
    function, _, creator = head.partition(b" in goroutine ")
    name = clean(function.strip(), limits.name_chars)
    match = FILE_LINE.match(rest.partition(b"\n")[0])
    if match is not None:
        name = f"{name} {clean(match[1], limits.name_chars)}:{int(match[2])}"
    return name, int(creator[:19]) if creator[:19].isdigit() else None


def starts_within(data: bytes) -> bool:
    """Whether a dump begins in the middle of a goroutine, whose header is lost."""
    first = HEADER_WITHIN.search(data)
    if first is None:
        return False
    before = data[max(0, first.start() - _LOOK_BACK) : first.start()]
    return _FRAME_END.search(before) is not None and _NO_GOROUTINE.search(before) is None


def _append(frames: list[Frame], function: bytes, match: re.Match[bytes], limits: Limits) -> None:
    if len(frames) < limits.frames:
        name = clean(ARGUMENTS.sub(b"", function), limits.name_chars)
        frames.append(Frame(name, clean(match[1], limits.name_chars), int(match[2])))
