"""Profiler labels as text dumps print them, in each of the runtime's spellings."""

from __future__ import annotations

import re

from goleakprobe.profiles.limits import Limits
from goleakprobe.profiles.text import clean

__all__ = ["read_labels"]

_TOKEN = rb'"(?:[^"\\]|\\.)*"|[^",:{}\s]*'
_PAIR = re.compile(rb"\s*(%b)\s*:\s*(%b)\s*(?:,|$)" % (_TOKEN, _TOKEN), re.DOTALL)
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


def read_labels(raw: bytes, limits: Limits) -> tuple[tuple[str, str], ...]:
    """Read what stands between the braces, sorted by key.

    Quoted as Go's ``%q`` or bare; what cannot be read ends the list.
    """
    labels: dict[str, str] = {}
    at = 0
    while at < len(raw) and len(labels) < limits.labels:
        match = _PAIR.match(raw, at)
        if match is None or match.end() == at:
            break
        labels[_unquoted(match[1], limits)] = _unquoted(match[2], limits)
        at = match.end()
    return tuple(sorted(labels.items()))


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
