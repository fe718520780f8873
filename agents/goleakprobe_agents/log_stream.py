"""Where workers log: lines that cannot be written are dropped, never raised.

Logs often share a disk with the lake. When that is full a worker says so and waits; if saying so
were an error, the worker would fail over its own complaint.
"""

from __future__ import annotations

import os
from typing import TextIO, cast

__all__ = ["LossyStream", "lossy_stderr"]

_STDERR = 2


class LossyStream:
    """A text stream over a file descriptor, unbuffered; what the file refuses is dropped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._broken_off = False

    def write(self, text: str) -> int:
        """Write what can be written; a line after one that broke off begins anew."""
        body = text.encode("utf-8", "backslashreplace")
        if self._broken_off:
            body = b"\n" + body
        try:
            self._broken_off = os.write(self._descriptor, body) < len(body)
        except OSError:
            self._broken_off = True
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def lossy_stderr() -> TextIO:
    """Standard error as such a stream, as much of a text stream as loggers need."""
    return cast("TextIO", LossyStream(_STDERR))
