"""What every receiver of alerts offers, and the three ways a delivery can end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.alerting.alert import Alert

__all__ = ["Delivered", "Notifier", "Outcome", "Rejected", "Retry"]


class Delivered(msgspec.Struct, frozen=True, tag="delivered"):
    """The receiver has the alert."""


class Retry(msgspec.Struct, frozen=True, tag="retry"):
    """The receiver may not have it, and trying again can help; sending twice does no harm."""

    reason: str
    """One line, without secrets."""
    after_seconds: float | None = None
    """How long the receiver asked us to wait."""


class Rejected(msgspec.Struct, frozen=True, tag="rejected"):
    """The receiver answered that it will not take this alert as it is."""

    reason: str
    """One line, without secrets."""


Outcome = Delivered | Retry | Rejected


class Notifier(Protocol):
    """One receiver."""

    @property
    def name(self) -> str:
        """What the receiver is called in logs, metrics and the ``alerts`` table: no secret."""

    async def notify(self, alerts: Sequence[Alert]) -> Sequence[Outcome]:
        """Deliver alerts; one outcome for each, in order.

        Ends within a bounded time, raises only on cancellation, and one bad alert never keeps
        a good one from being delivered.
        """

    async def close(self) -> None:
        """Let go of connections; may be called twice."""
