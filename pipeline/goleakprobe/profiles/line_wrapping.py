"""What a log puts around every line of a dump: recognised at one line, removed from the others."""

from __future__ import annotations

import re

__all__ = ["MAX_PREFIX", "LineWrapping", "unescaped"]

MAX_PREFIX = 400
"""Bytes in front of a line, and behind it, that can be undone."""

_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"", b'"': b'"', b"\\": b"\\", b"/": b"/"}
_ESCAPE = re.compile(rb'\\(u00[0-7][0-9a-fA-F]|[ntr"\\/])')
_MONTHS = rb"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"
_VARYING = re.compile(rb"\b([0-9a-f]{8,})\b|\d+|" + _MONTHS + rb"| +")
_LINE_END = rb"\n"


class LineWrapping:
    """The prefix and suffix of one line; other lines carry the same but for numbers."""

    def __init__(self, before: bytes = b"", after: bytes = b"") -> None:
        after = after.strip()
        self._before = re.compile(_pattern(before)) if before.strip() else None
        # Matched backwards: from its end a line is read once, whatever stands in it.
        self._after = re.compile(_pattern(after[-MAX_PREFIX:][::-1])) if after else None
        # Within quotes, as in {"log":"...\n"}, tabs and quotes are escaped.
        self._quoted = before.rstrip().endswith(b'"') and after.startswith((b'"', _LINE_END))

    def strip(self, line: bytes) -> bytes:
        """The line without them where it has them."""
        if self._before is not None:
            head = line[: 2 * MAX_PREFIX]
            if match := self._before.match(head):
                line = line[match.end() :]
            elif self._before.match(head + b" "):
                return b""
        if self._after is not None:
            tail = line[-2 * MAX_PREFIX :][::-1]
            if match := self._after.match(tail):
                line = line[: len(line) - match.end()]
        return self.bare(line)

    def bare(self, text: bytes) -> bytes:
        """What stands between them as it was written."""
        return unescaped(text) if self._quoted else text


def unescaped(text: bytes) -> bytes:
    """Undo the escapes of JSON strings and Go's ``%q`` that dumps come with."""
    return _ESCAPE.sub(_meaning, text) if b"\\" in text else text


def _meaning(match: re.Match[bytes]) -> bytes:
    escape = match[1]
    return bytes([int(escape[1:], 16)]) if escape[:1] == b"u" else _ESCAPES[escape]


def _pattern(text: bytes) -> bytes:
    pattern = bytearray()
    at = 0
    for match in _VARYING.finditer(text):
        pattern += re.escape(text[at : match.start()]) + _variant(match)
        at = match.end()
    pattern += re.escape(text[at:])
    return bytes(pattern)


def _variant(found: re.Match[bytes]) -> bytes:
    # Possessive: nothing is tried twice, so hostile lines cost no more than others.
    if found[1]:
        return rb"[0-9a-f]++"
    if found[0].isdigit():
        return rb"\d++"
    return rb"[ ]++" if found[0].isspace() else _MONTHS
