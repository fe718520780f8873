"""Everything the contract can refuse."""

from __future__ import annotations

__all__ = ["EventError", "EventInvalidError", "EventTooLargeError", "IdentityError", "SchemaError"]


class SchemaError(Exception):
    """Base of all errors of the contract."""


class IdentityError(SchemaError):
    """A target, service or finding key that does not follow the grammar."""


class EventError(SchemaError):
    """A message that cannot become an event; it belongs on the dead-letter topic."""


class EventTooLargeError(EventError):
    """A message over its topic's size limit, refused before any decoding."""

    def __init__(self, topic: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"{topic}: message of {size_bytes} bytes is over the limit of {limit_bytes} bytes"
        )


class EventInvalidError(EventError):
    """A message that is not JSON, or lacks or mistypes a field."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"{topic}: not a valid event: {reason}")
