"""Bodies that are no profile become scrape errors, within the size limit."""

from __future__ import annotations

import gzip

import pytest

from collect_targets import bomb, grouped_text
from goleakprobe.collect.decoding import decode_answer
from goleakprobe.collect.scrape import Answer
from goleakprobe.errors import BodyTooLargeError, NotAProfileError

MIB = 1024 * 1024


def answer(body: bytes) -> Answer:
    return Answer(body=body, content_type="", received_bytes=len(body), wall_seconds=0.5)


def test_the_cost_of_a_scrape_travels_with_the_profile() -> None:
    body = grouped_text({"leak": 3})
    packed = gzip.compress(body)
    scraped = decode_answer(answer(packed), limit_bytes=MIB, time_ns=7)
    assert scraped.profile.total == 3
    assert scraped.time_ns == 7
    assert scraped.cost.wall_seconds == 0.5
    assert scraped.cost.body_bytes == len(packed)
    assert scraped.cost.decoded_bytes == len(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<html><body>Not here</body></html>",
        gzip.compress(b"\x0a\x04" * 500)[:-12],
        gzip.compress(b"hello"),
        b"\x1f\x8b\x08",
    ],
    ids=["empty", "text", "page", "truncated gzip", "gzipped text", "gzip head"],
)
def test_what_is_no_profile_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(NotAProfileError) as caught:
        decode_answer(answer(body), limit_bytes=MIB, time_ns=0)
    assert str(caught.value)


def test_a_gzip_bomb_is_refused_at_the_limit() -> None:
    with pytest.raises(BodyTooLargeError, match=str(MIB)):
        decode_answer(answer(bomb(64 * MIB)), limit_bytes=MIB, time_ns=0)
