"""What alerting refuses before it sends anything."""

from __future__ import annotations

from goleakprobe_agents.errors import StreamError

__all__ = ["AlertingError", "ReceiverConfigError"]


class AlertingError(StreamError):
    """Base of the errors of alerting."""


class ReceiverConfigError(AlertingError):
    """A setting under ``alerting`` that can never work; the message names the key."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"alerting.{key}: {problem}")
