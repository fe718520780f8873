"""``goroutine.stack.observed.v1``: what a signature stands for."""

from __future__ import annotations

import msgspec

__all__ = ["Frame", "StackObserved"]


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """One frame of a stack, as the target named it; all of it is untrusted text."""

    function: str
    file: str = ""
    line: int = 0


class StackObserved(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One example stack of a signature; the newest observation wins (compacted topic).

    ``frames`` run from the leaf to the root. Published once per signature, build and collector.
    """

    signature: str
    frames: tuple[Frame, ...]
    wait: str = ""
    blocking_site: str = ""
    creation_site: str = ""
    package: str = ""
    """Import path that owns the blocking code."""
    first_seen_ns: int
    build_id: str = ""
