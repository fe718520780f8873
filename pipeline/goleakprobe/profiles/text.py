"""Untrusted bytes to text that is safe to keep."""

from __future__ import annotations

import re

__all__ = ["clean"]

# C0 and C1 controls, and the bidirectional overrides that can disguise a name on a terminal.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def clean(raw: bytes, limit: int) -> str:
    """Decode at most ``limit`` characters; damaged UTF-8 and control characters become U+FFFD."""
    text = raw[: limit * 4].decode("utf-8", "replace")[:limit]
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub("\ufffd", text)
