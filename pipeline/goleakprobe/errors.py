"""Everything the command and its collectors can refuse or fail at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BodyTooLargeError",
    "ConfigError",
    "ContentEncodingError",
    "DiscoveryError",
    "GoLeakProbeError",
    "HttpStatusError",
    "ListenError",
    "NotAProfileError",
    "Problem",
    "PublishError",
    "ScrapeError",
    "ScrapeTimeoutError",
    "UnreachableError",
]


class GoLeakProbeError(Exception):
    """Base of all errors of the command, the collectors and the reports."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a configuration."""

    where: str
    """``file:line``, or the environment variable."""
    key: str
    """The dotted key, such as ``scrape_configs[0].scrape_interval``; empty for the whole file."""
    text: str
    """What is wrong and what to do about it."""

    def __str__(self) -> str:
        parts = (self.where, self.key, self.text)
        return ": ".join(part for part in parts if part)


class ConfigError(GoLeakProbeError):
    """A configuration that cannot be used; carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DiscoveryError(GoLeakProbeError):
    """A target list that cannot be read; the list read before stays in force."""


class ListenError(GoLeakProbeError):
    """An address that cannot be listened on."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"cannot listen on {address}: {reason}; "
            "stop what holds the port or choose another in collect.listen_address"
        )


class ScrapeError(GoLeakProbeError):
    """A target that did not answer with what was asked for.

    ``outcome`` is one word from a closed set, fit for a metric label.
    """

    outcome = "failed"


class UnreachableError(ScrapeError):
    """No answer: refused, no route, no such host, TLS failure or a connection cut half-way."""

    outcome = "unreachable"


class ScrapeTimeoutError(ScrapeError):
    """No whole answer within the scrape timeout."""

    outcome = "timeout"

    def __init__(self, timeout_seconds: float, received_bytes: int) -> None:
        super().__init__(
            f"no whole answer within {timeout_seconds:g} s ({received_bytes} bytes received); "
            "raise scrape_timeout or look at the target"
        )


class HttpStatusError(ScrapeError):
    """An answer other than 200 OK."""

    outcome = "http_status"

    def __init__(self, status: int, hint: str) -> None:
        self.status = status
        super().__init__(f"HTTP {status}: {hint}")


class BodyTooLargeError(ScrapeError):
    """An answer over the size limit; reading stopped there."""

    outcome = "too_large"

    def __init__(self, limit_bytes: int, setting: str = "body_size_limit") -> None:
        super().__init__(
            f"the answer is larger than {limit_bytes} bytes; raise {setting} if it is genuine"
        )


class ContentEncodingError(ScrapeError):
    """An answer compressed in a way that cannot be undone, or that is damaged."""

    outcome = "bad_encoding"


class NotAProfileError(ScrapeError):
    """A whole answer that is no goroutine profile."""

    outcome = "not_a_profile"


class PublishError(GoLeakProbeError):
    """Events the broker did not take."""

    def __init__(self, topic: str, reason: str, *, retriable: bool) -> None:
        self.topic = topic
        self.retriable = retriable
        super().__init__(f"{topic}: the broker did not take the event: {reason}")
