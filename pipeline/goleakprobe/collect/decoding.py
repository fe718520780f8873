"""A scraped body to a profile, timed, with the decoder's refusals as scrape errors."""

from __future__ import annotations

import time

import msgspec

from goleakprobe.collect.scrape import Answer
from goleakprobe.errors import BodyTooLargeError, NotAProfileError
from goleakprobe.profiles import BodyTooLargeError as ProfileTooLargeError
from goleakprobe.profiles import Limits, Profile, ProfileError, read_profile
from goleakprobe_schemas import ScrapeCost

__all__ = ["Scraped", "decode_answer"]

_GZIP_MAGIC = b"\x1f\x8b"


class Scraped(msgspec.Struct, frozen=True, kw_only=True):
    """One profile of a target and what it cost."""

    profile: Profile
    cost: ScrapeCost
    time_ns: int
    """Our clock when the answer was complete."""


def decode_answer(answer: Answer, *, limit_bytes: int, time_ns: int) -> Scraped:
    """Decode a body, inflating it to at most ``limit_bytes``; CPU-bound, so run it in a thread.

    Raises NotAProfileError or BodyTooLargeError.
    """
    started = time.thread_time()
    limits = Limits(body_bytes=limit_bytes, decoded_bytes=limit_bytes)
    try:
        profile = read_profile(answer.body, limits=limits)
    except ProfileTooLargeError as error:
        raise BodyTooLargeError(limit_bytes) from error
    except ProfileError as error:
        raise NotAProfileError(str(error)) from error
    cost = ScrapeCost(
        wall_seconds=answer.wall_seconds,
        body_bytes=answer.received_bytes,
        decoded_bytes=_decoded_bytes(answer.body),
        decode_seconds=time.thread_time() - started,
    )
    return Scraped(profile=profile, cost=cost, time_ns=time_ns)


def _decoded_bytes(body: bytes) -> int:
    """The size that a gzip trailer states (RFC 1952, ISIZE), else the body's own."""
    if body.startswith(_GZIP_MAGIC):
        return int.from_bytes(body[-4:], "little")
    return len(body)
