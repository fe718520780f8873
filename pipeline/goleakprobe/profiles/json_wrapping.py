"""Text that came within JSON: one document around it, or one object around each of its lines."""

from __future__ import annotations

import re

import msgspec

from goleakprobe.profiles.line_wrapping import unescaped

__all__ = ["unwrapped_json"]

_MARK = b"goroutine"
# Possessive, and a string without its end is one too: nothing is read more than twice.
_STRING = rb'"(?:[^"\\\n]++|\\.)*+(?:"|\\?(?:\n|\Z))'
_MEMBER = re.compile(rb"(?:(%b)\s*+:\s*+)?(%b)" % (_STRING, _STRING))


def unwrapped_json(data: bytes) -> bytes | None:
    """The text of a dump that JSON strings hold; None for what is no JSON with goroutines in it.

    The strings of one member are taken, in their order, each as lines: of that member whose
    value says most about goroutines. Documents are scanned for strings and never built, so time
    and memory are linear in the length.
    """
    if data.lstrip()[:1] not in (b"{", b"[", b'"'):
        return None
    key, longest = b"", 0
    for match in _MEMBER.finditer(data):
        length = match.end(2) - match.start(2)
        if length > longest and data.find(_MARK, *match.span(2)) >= 0:
            key, longest = match[1] or b"", length
    if not longest:
        return None
    texts = [_text(match[2]) for match in _MEMBER.finditer(data) if (match[1] or b"") == key]
    return b"\n".join(texts)


def _text(token: bytes) -> bytes:
    try:
        text = msgspec.json.decode(token, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Cut, or with escapes that are not JSON's.
        return unescaped(token[1:].removesuffix(b'"')).removesuffix(b"\n")
    return text.removesuffix("\n").encode("utf-8", "replace")
