"""What a leak pattern tells."""

from __future__ import annotations

import msgspec

__all__ = ["LeakPattern"]


class LeakPattern(msgspec.Struct, frozen=True):
    """A known way to leak. It says what is likely, never that there is a leak."""

    name: str
    """Stable, lower case with hyphens; what findings and reports carry."""
    cause: str
    """One sentence: what usually keeps a goroutine there."""
    fix: str
    """What to change."""
