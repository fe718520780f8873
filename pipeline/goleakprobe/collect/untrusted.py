"""Text from a target or a target list made safe to log, store and send."""

from __future__ import annotations

import re

__all__ = ["clean_text"]

# Control characters can forge log lines and drive terminals, the bidirectional ones can make a
# name read as another (https://trojansource.codes), and lone surrogates are not UTF-8.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def clean_text(text: str, limit_chars: int) -> str:
    """The text on one line, without unsafe characters, cut to ``limit_chars`` with an ellipsis."""
    # What is cut away is not looked at either: a target decides how long its text is.
    clean = _UNSAFE.sub(" ", text[: 2 * limit_chars]).strip()
    cut = len(text) > 2 * limit_chars or len(clean) > limit_chars
    return clean[: limit_chars - 1] + "…" if cut else clean
