"""Goroutine profiles: bytes of any Go version to one exact snapshot."""

from __future__ import annotations

from goleakprobe.profiles.dump_sequence import separate_dumps
from goleakprobe.profiles.errors import (
    BodyCutError,
    BodyDamagedError,
    BodyTooLargeError,
    EmptyBodyError,
    NotAProfileError,
    ProfileError,
)
from goleakprobe.profiles.limits import DEFAULT_LIMITS, Limits
from goleakprobe.profiles.profile import Goroutine, Group, Profile
from goleakprobe.profiles.reader import read_profile
from goleakprobe.profiles.signatures import blocking_frame, signature, site
from goleakprobe.profiles.symbols import normal_function, package_of
from goleakprobe.profiles.waits import wait_class

__all__ = [
    "DEFAULT_LIMITS",
    "BodyCutError",
    "BodyDamagedError",
    "BodyTooLargeError",
    "EmptyBodyError",
    "Goroutine",
    "Group",
    "Limits",
    "NotAProfileError",
    "Profile",
    "ProfileError",
    "blocking_frame",
    "normal_function",
    "package_of",
    "read_profile",
    "separate_dumps",
    "signature",
    "site",
    "wait_class",
]
