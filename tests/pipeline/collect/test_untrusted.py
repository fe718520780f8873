"""Text from a target cannot drive a terminal, forge a log line or grow without end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from goleakprobe.collect.untrusted import clean_text


def test_control_and_bidirectional_characters_become_spaces() -> None:
    assert clean_text("a\x1b[31mb\r\nc\u202ed\x9be\ud800f", 100) == "a [31mb c d e f"


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert clean_text("x" * 1_000_000, 8) == "xxxxxxx…"
    assert clean_text("x" * 8, 8) == "xxxxxxxx"


@given(st.text(st.characters(), max_size=300), st.integers(1, 64))
def test_any_text_is_short_encodable_and_on_one_line(text: str, limit: int) -> None:
    clean = clean_text(text, limit)
    assert len(clean) <= limit
    assert len(clean.encode().splitlines()) <= 1
