"""Counters of alert delivery, per receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

from goleakprobe_agents.alerting.delivery import outcome_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from goleakprobe_agents.alerting.delivery import Delivery
    from goleakprobe_agents.alerting.outbox import Outbox

__all__ = ["AlertMetrics"]

_OUTCOMES = ("delivered", "retry", "rejected")


class AlertMetrics:
    """Metrics of all receivers; make one per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._posts = Counter(
            "goleakprobe_alert_posts",
            "Alerts handed to a receiver, by how it ended; a rejected one was refused as it is.",
            ["receiver", "outcome"],
            registry=registry,
        )
        self._overflows = Counter(
            "goleakprobe_alert_outbox_overflows",
            "Findings not remembered for alerting because the receiver's outbox was full.",
            ["receiver"],
            registry=registry,
        )
        self._firing = Gauge(
            "goleakprobe_alerts_firing",
            "Alerts firing at the receiver.",
            ["receiver"],
            registry=registry,
        )

    def watch(self, receiver: str) -> None:
        """Show a receiver's series from the start, at zero."""
        for outcome in _OUTCOMES:
            self._posts.labels(receiver, outcome)
        self._overflows.labels(receiver)
        self._firing.labels(receiver)

    def delivered(self, deliveries: Iterable[Delivery]) -> None:
        """Count one round."""
        for delivery in deliveries:
            self._posts.labels(delivery.receiver, outcome_name(delivery.outcome)).inc()

    def overflowed(self, receiver: str) -> None:
        """Count one finding the outbox had no room for."""
        self._overflows.labels(receiver).inc()

    def outbox(self, receiver: str, outbox: Outbox) -> None:
        """Show an outbox's present size."""
        self._firing.labels(receiver).set(outbox.firing)
