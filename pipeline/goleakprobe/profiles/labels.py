"""Profiler labels as text profiles print them, in each of the runtime's spellings."""

from __future__ import annotations

import re

from goleakprobe.profiles.limits import Limits
from goleakprobe.profiles.text import clean

__all__ = ["Labels", "read_labels"]

Labels = tuple[tuple[str, str], ...]
"""Sorted by key."""

_TOKEN = rb'"(?:[^"\\]|\\.)*"|[^",:{}\s]*'
_PAIR = re.compile(rb" ?(%b) ?: ?(%b) ?(?:,|(?=\}))" % (_TOKEN, _TOKEN), re.DOTALL)
_ESCAPE = re.compile(
    rb"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL
)
_SIMPLE = {
    b"n": b"\n",
    b"t": b"\t",
    b"r": b"\r",
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"v": b"\v",
}


def read_labels(text: bytes, at: int, limits: Limits) -> tuple[Labels, int]:
    """Read pairs from ``at``, just behind an opening brace, as far as they can be read.

    Keys and values are bare or quoted as by Go's ``%q``. Answers the labels and where reading
    stopped: at the closing brace, if the text is whole.
    """
    labels: dict[str, str] = {}
    while (match := _PAIR.match(text, at)) is not None:
        if len(labels) < limits.labels:
            labels[_unquoted(match[1], limits)] = _unquoted(match[2], limits)
        at = match.end()
    return tuple(sorted(labels.items())), at


def _unquoted(token: bytes, limits: Limits) -> str:
    if token.startswith(b'"'):
        token = _ESCAPE.sub(_unescaped, token[1:-1])
    return clean(token, limits.name_chars)


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes([int(match[1], 16)])
    code = int(match[2] or match[3] or b"0", 16)
    if code:
        return chr(min(code, 0x10FFFF)).encode("utf-8", "replace")
    if match[4]:
        return bytes([int(match[4], 8) & 0xFF])
    return _SIMPLE.get(match[5] or b"", match[5] or b"")
