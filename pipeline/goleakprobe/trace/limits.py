"""What a trace may cost before it is refused."""

from __future__ import annotations

import msgspec

__all__ = ["Limits"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Caps on untrusted input; the defaults admit everything the Go runtime was seen to write.

    A generation is about a second of tracing, and memory follows the largest one: 24 bytes for
    each of its bytes.
    """

    generation_bytes: int = 512 << 20
    generations: int = 100_000
    """At a generation a second this is a day; what is empty costs nothing."""
    decoded_generations: int = 20_000
    """Generations with events: each costs the decoder at least a third of a millisecond."""
    batches: int = 1 << 16
    """Batches of a generation on top of one for every 64 bytes; the runtime's are 64 KiB."""
    strings: int = 1 << 22
    """Strings of a generation; user log messages are strings too."""
    string_bytes: int = 256 << 20
    stacks: int = 1 << 20
    """Distinct stacks of the whole trace."""
    frames: int = 1 << 23
    """Frames of the distinct stacks of the whole trace."""
    reasons: int = 4096
    """Distinct wait reasons of the whole trace; the runtime has about twenty."""
    damages: int = 1000
    """Damages that are told apart; the rest are only counted."""
