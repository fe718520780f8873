"""Names short enough to draw."""

from __future__ import annotations

__all__ = ["short_site"]


def short_site(site: str, limit: int = 48) -> str:
    """``function file:line`` as ``function:line``, import path and folders dropped.

    >>> short_site("example.com/a/b.(*T).Run.func1 /src/b/run.go:12")
    'b.(*T).Run.func1:12'
    """
    function, _, place = site.partition(" ")
    line = place.rpartition(":")[2]
    name = function.rpartition("/")[2]
    text = f"{name}:{line}" if line else name
    return text if len(text) <= limit else "…" + text[-(limit - 1) :]
