"""Untrusted text made fit to show: names come from the targets themselves."""

from __future__ import annotations

import unicodedata
from hashlib import blake2b

__all__ = ["ELLIPSIS", "distinct_line", "one_line"]

ELLIPSIS = "…"

# Controls, format characters (bidirectional overrides, zero-width joiners), lone surrogates,
# private use and unassigned points: none is needed to name a Go function or a service, and each
# can move a terminal's cursor or make one name look like another.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_DIGEST_BYTES = 4


def one_line(text: str, limit: int) -> str:
    """The text on one line without unseen characters, at most ``limit`` characters long.

    Runs of white space become one space; a cut is marked with an ellipsis.
    """
    # The work is bounded too: nobody reads past the limit, however long a target's text is.
    head = text[: 4 * limit + 1]
    shown = "".join(
        " " if char.isspace() else char
        for char in head
        if char.isspace() or unicodedata.category(char) not in _UNSEEN
    )
    line = " ".join(shown.split())
    if len(line) > limit or len(head) < len(text):
        return line[: limit - 1].rstrip() + ELLIPSIS
    return line


def distinct_line(text: str, limit: int) -> str:
    """Like one_line, but different texts stay different.

    A text that had to be altered ends in ``~`` and a short digest of the original, so a name
    cannot pass for another by what was stripped from it or cut off.
    """
    line = one_line(text, limit)
    if line == text:
        return line
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    suffix = f"~{digest}"
    return line[: limit - len(suffix)].rstrip() + suffix
