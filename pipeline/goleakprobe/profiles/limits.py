"""How much of an untrusted body is taken in."""

from __future__ import annotations

import msgspec

__all__ = ["DEFAULT_LIMITS", "Limits"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Caps on memory and time; a body over the first three is refused, the others cut.

    The runtime cuts its own text dump at 64 MiB; files gathered by hand may hold several.
    """

    body_bytes: int = 256 * 1024 * 1024
    """Bytes as they came, compressed or not."""
    decoded_bytes: int = 256 * 1024 * 1024
    """Bytes after decompression."""
    goroutines: int = 5_000_000
    """Records of a text dump; beyond it decoding stops and the profile is marked truncated."""
    groups: int = 100_000
    """Distinct stacks; beyond it decoding stops and the profile is marked truncated."""
    frames: int = 512
    """Frames of one stack kept, leaf first."""
    name_chars: int = 1024
    """Characters kept of one function, file or label."""
    labels: int = 64
    """Labels kept of one goroutine."""


DEFAULT_LIMITS = Limits()
