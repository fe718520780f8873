"""Bounds that every decoded event keeps, so that no stage and no column meets an absurd value.

What lies outside is no event and goes to the dead-letter topic. They are far beyond anything a
process can have; producers stay below them by caps of their own.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = [
    "Count",
    "GoroutineId",
    "Name",
    "Offset",
    "Partition",
    "Seconds",
    "Share",
    "Text",
    "TimeNs",
]

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""How many, or how many bytes; exact as a float too."""

TimeNs = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
"""UTC epoch nanoseconds, up to the year 2116."""

Seconds = Annotated[float, msgspec.Meta(ge=0.0)]

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]

Offset = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Partition = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
GoroutineId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
"""Part of an identity: namespace, service, instance, signature, event id."""

Text = Annotated[str, msgspec.Meta(max_length=16_384)]
"""Anything a target says about itself."""
