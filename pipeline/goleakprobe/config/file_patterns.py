"""Names of target lists, in which ``*``, ``?`` and ``[]`` stand for what is there."""

from __future__ import annotations

import glob

__all__ = ["matching_files"]


def matching_files(pattern: str) -> list[str]:
    """The existing files that match, in order of name; a name without wildcards matches itself."""
    return sorted(glob.glob(pattern))  # noqa: PTH207 - the pattern may be absolute
