"""What the collectors are doing now, for progress displays."""

from __future__ import annotations

from collections import Counter

__all__ = ["CollectorStatus", "TargetStatus"]


class TargetStatus:
    """One target as its last scrape left it."""

    def __init__(self) -> None:
        self.up: bool | None = None
        """None before the first scrape has ended."""
        self.last_error = ""
        """In words; empty while the target is up."""
        self.outcome = ""
        """One word for the last scrape: ``ok`` or a ScrapeError's outcome."""
        self.scrapes = 0
        self.failures = 0
        self.consecutive_failures = 0
        self.goroutines: int | None = None
        self.go_version = ""
        self.leak_profile = "unknown"
        """``offered``, ``absent`` or ``unknown``."""


class CollectorStatus:
    """Counts and states of one collector; written by its event loop, read by anyone.

    Readers in other threads may see one round half-written, never a wrong count.
    """

    def __init__(self) -> None:
        self.targets: dict[str, TargetStatus] = {}
        """By target key."""
        self.discovery_problems: tuple[str, ...] = ()
        self.published: Counter[str] = Counter()
        """Events acknowledged by the broker, by topic."""
        self.publish_failures: Counter[str] = Counter()
        """Attempts the broker did not take, by topic."""
        self.last_publish_error = ""
        """In words; empty once the broker takes events again."""
        self.collecting = False
        """Whether the broker was reached and the targets were looked up."""
        self.messages_in_flight = 0
        self.bytes_in_flight = 0

    @property
    def unready(self) -> str:
        """Why nothing can be collected now, in words; empty when it can."""
        if not self.collecting:
            return "still starting"
        return self.last_publish_error

    @property
    def up(self) -> int:
        """Targets whose last scrape succeeded."""
        return sum(target.up is True for target in list(self.targets.values()))

    @property
    def down(self) -> int:
        """Targets whose last scrape failed."""
        return sum(target.up is False for target in list(self.targets.values()))

    @property
    def errors(self) -> dict[str, str]:
        """The last error of each target that is down."""
        return {key: t.last_error for key, t in list(self.targets.items()) if t.up is False}
