"""Everything a trace can be refused for."""

from __future__ import annotations

__all__ = [
    "EngineUnavailableError",
    "LimitExceededError",
    "MalformedTraceError",
    "NotATraceError",
    "TraceError",
    "UnsupportedVersionError",
]


class TraceError(Exception):
    """Base of all errors of the trace decoder."""


class NotATraceError(TraceError):
    """The first bytes are not an execution trace's; says what they look like instead."""

    def __init__(self, head: bytes) -> None:
        if head.startswith(b"\x1f\x8b"):
            found = "gzip data (decompress it first, or this is a pprof profile)"
        elif head.lstrip()[:1] in (b"<", b"{"):
            found = "text (an error page of the server?)"
        elif not head:
            found = "nothing"
        else:
            found = repr(head[:16])
        super().__init__(f"not a Go execution trace: it begins with {found}")


class UnsupportedVersionError(TraceError):
    """A trace of a wire version this decoder does not read."""

    def __init__(self, minor: int) -> None:
        advice = (
            "Go 1.22 first wrote the format read here; build the program with it or later"
            if minor < 22
            else "the versions read here are 1.22, 1.23, 1.25 and 1.26 (Go 1.22 to 1.27)"
        )
        super().__init__(f"execution trace of version 1.{minor} is not supported: {advice}")
        self.minor = minor


class MalformedTraceError(TraceError):
    """Bytes that break the format; what was decoded before them stays good."""


class LimitExceededError(TraceError):
    """The trace asks for more than a limit allows; what was decoded before stays good."""

    def __init__(self, what: str, found: int, limit: int) -> None:
        super().__init__(f"{what}: {found:,} is over the limit of {limit:,}")


class EngineUnavailableError(TraceError):
    """The compiled engine was asked for and its library is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "the fast engine needs numba: install go-leak-probe[fast], or use the numpy engine"
        )
