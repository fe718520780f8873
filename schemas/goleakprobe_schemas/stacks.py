"""``goroutine.stack.observed.v1``: what a signature stands for."""

from __future__ import annotations

import msgspec

from goleakprobe_schemas.bounds import Count, Name, Text, TimeNs

__all__ = ["Frame", "StackObserved"]


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """One frame of a stack, as the target named it; all of it is untrusted text."""

    function: Text
    file: Text = ""
    line: Count = 0


class StackObserved(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One example stack of a signature; the newest observation wins (compacted topic).

    ``frames`` run from the leaf to the root. Published once per signature, build and collector.
    """

    signature: Name
    frames: tuple[Frame, ...]
    wait: Text = ""
    blocking_site: Text = ""
    creation_site: Text = ""
    package: Text = ""
    """Import path that owns the blocking code."""
    first_seen_ns: TimeNs
    build_id: Text = ""
