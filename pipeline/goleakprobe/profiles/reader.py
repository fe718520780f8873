"""One door for every form of a goroutine profile."""

from __future__ import annotations

import re

import msgspec

from goleakprobe.profiles.body import plain_body
from goleakprobe.profiles.dump_repair import repair
from goleakprobe.profiles.dump_stack import IrregularError, starts_within
from goleakprobe.profiles.dump_text import read_dump
from goleakprobe.profiles.errors import (
    BodyCutError,
    BodyDamagedError,
    EmptyBodyError,
)
from goleakprobe.profiles.grouped_text import GROUPED_HEADER, read_grouped
from goleakprobe.profiles.likeness import refusal
from goleakprobe.profiles.limits import DEFAULT_LIMITS, Limits
from goleakprobe.profiles.profile import Profile
from goleakprobe.profiles.protobuf_profile import read_protobuf
from goleakprobe_schemas import SnapshotSource

__all__ = ["read_profile"]

_CONTENT = re.compile(rb"[^ \t\r\n\x00]")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
# How a pprof message can begin: a tag of one of its 15 fields. Go puts the period type first.
_TAGS = frozenset(number << 3 | kind for number in range(1, 16) for kind in (0, 2))
_HEAD = 4096


def read_profile(
    body: bytes, *, limits: Limits = DEFAULT_LIMITS, goroutines: bool = True
) -> Profile:
    """Decode the body of any goroutine or goroutine leak profile; the form is recognised.

    Takes ``debug=0`` protobuf, ``debug=1`` and ``debug=2`` text, gzipped or not, and dumps that
    crashes and logs have mangled. ``goroutines=False`` saves the list of single goroutines.
    Raises ProfileError: EmptyBodyError, NotAProfileError, BodyTooLargeError, BodyCutError or
    BodyDamagedError. Pure; time and memory are linear in the body and bounded by ``limits``.
    """
    data = plain_body(body, limits)
    if _CONTENT.search(data) is None:
        raise EmptyBodyError
    if _is_message(data):
        try:
            return read_protobuf(data, limits)
        except (BodyCutError, BodyDamagedError):
            if body.startswith(b"\x1f\x8b"):
                raise
            raise refusal(data) from None
    return _read_text(data, limits, goroutines)


def _read_text(data: bytes, limits: Limits, goroutines: bool) -> Profile:
    # A buffer for runtime.Stack that was written out whole ends in zeroes.
    data = data.rstrip(b"\x00")
    repairs: tuple[str, ...] = ()
    try:
        profile = _read_regular(data, limits, goroutines, strict=True)
    except IrregularError:
        mended, repairs = repair(data)
        if not repairs:
            raise refusal(data) from None
        try:
            profile = _read_regular(mended, limits, goroutines, strict=False)
        except IrregularError:
            raise refusal(data) from None
    cut = profile.source is SnapshotSource.DEBUG2 and starts_within(data)
    if not cut and not repairs:
        return profile
    return msgspec.structs.replace(profile, repairs=repairs, truncated=profile.truncated or cut)


def _read_regular(data: bytes, limits: Limits, goroutines: bool, *, strict: bool) -> Profile:
    header = GROUPED_HEADER.search(data[:_HEAD])
    if header is not None:
        return read_grouped(data, limits, strict=strict)
    return read_dump(data, limits, goroutines=goroutines)


def _is_message(data: bytes) -> bool:
    return data[0] in _TAGS and _BINARY.search(data[:64]) is not None
