"""What a person may point a check at."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec

from goleakprobe.check.errors import SourceError
from goleakprobe.check.samples import Sample
from goleakprobe.profiles import (
    DEFAULT_LIMITS,
    BodyTooLargeError,
    read_profile,
    separate_dumps,
)

__all__ = ["Endpoint", "ProfileFile", "parse_source", "read_file"]

_ADDRESS = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}")
_PROFILES = ("goroutine", "goroutineleak")
_OTHER_PROFILES = ("allocs", "block", "heap", "mutex", "profile", "threadcreate", "trace")
_DEFAULT_PATH = "/debug/pprof"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A process to ask over HTTP."""

    name: str
    """As it was given."""
    base_url: str
    """Up to and including ``/debug/pprof``, without a slash at the end."""
    profile_url: str = ""
    """Set if one profile was asked for by its full URL: then no other is taken."""


class ProfileFile(msgspec.Struct, frozen=True):
    """A file, or standard input as ``-``."""

    name: str


def parse_source(source: str) -> Endpoint | ProfileFile:
    """Tell what a source is; SourceError if it is nothing that can be read.

    ``host:port``, ``http://host:port``, a pprof folder's or a profile's URL, a file or ``-``.
    """
    if source == "-":
        return ProfileFile(source)
    if source.startswith(("http://", "https://")):
        return _endpoint(source, source)
    if Path(source).is_file():
        return ProfileFile(source)
    if _ADDRESS.fullmatch(source):
        return _endpoint(source, f"http://{source}")
    raise SourceError(source, "no such file, and not an address such as localhost:6060")


def read_file(file: ProfileFile) -> list[Sample]:
    """Read and decode a file: a sample for every dump in it.

    The time is the profile's own, else when the file was last written; that of one dump among
    several is not known. Raises ProfileError for its content and OSError.
    """
    limit = DEFAULT_LIMITS.body_bytes
    if file.name == "-":
        body, written = sys.stdin.buffer.read(limit + 1), time.time()
    else:
        with Path(file.name).open("rb") as stream:
            body = stream.read(limit + 1)
        written = Path(file.name).stat().st_mtime
    if len(body) > limit:
        raise BodyTooLargeError("the file", limit)
    profile = read_profile(body)
    dumps = separate_dumps(profile)
    if len(dumps) > 1:
        return [
            Sample(source=f"{file.name} (dump {number})", profile=dump, time_seconds=None)
            for number, dump in enumerate(dumps, start=1)
        ]
    taken = profile.time_ns / 1e9 if profile.time_ns else written
    return [Sample(source=file.name, profile=profile, time_seconds=taken)]


def _endpoint(name: str, url: str) -> Endpoint:
    parts = urlsplit(url)
    if not parts.hostname:
        raise SourceError(name, "the URL names no host")
    path = parts.path.rstrip("/")
    folder, _, last = path.rpartition("/")
    if last in _PROFILES:
        base = urlunsplit((parts.scheme, parts.netloc, folder, "", ""))
        return Endpoint(name=name, base_url=base, profile_url=url)
    if last in _OTHER_PROFILES:
        hint = "`goleakprobe trace` reads traces" if last == "trace" else "ask for /goroutine"
        raise SourceError(name, f"{last} is no goroutine profile; {hint}")
    base = urlunsplit((parts.scheme, parts.netloc, path or _DEFAULT_PATH, "", ""))
    return Endpoint(name=name, base_url=base)
