"""The collector's own Prometheus metrics; every label has few values, no target is one."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from goleakprobe.errors import ScrapeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from goleakprobe.collect.status import CollectorStatus

__all__ = ["CollectorMetrics"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class CollectorMetrics:
    """Counters of one collector in a registry of their own."""

    def __init__(self, status: CollectorStatus) -> None:
        self.registry = CollectorRegistry()
        self._status = status
        self.scrapes = Counter(
            "goleakprobe_collect_scrapes_total",
            "Scrapes by what was asked for and how they ended.",
            ("source", "outcome"),
            registry=self.registry,
        )
        self.scrape_seconds = Histogram(
            "goleakprobe_collect_scrape_duration_seconds",
            "Time to a whole answer, of scrapes that succeeded.",
            ("source",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.received_bytes = Counter(
            "goleakprobe_collect_received_bytes_total",
            "Bytes of whole answers as they came over the network.",
            registry=self.registry,
        )
        self.events = Counter(
            "goleakprobe_collect_events_published_total",
            "Events the broker has acknowledged.",
            ("topic",),
            registry=self.registry,
        )
        self.publish_failures = Counter(
            "goleakprobe_collect_publish_failures_total",
            "Attempts to publish an event that the broker did not take.",
            ("topic",),
            registry=self.registry,
        )
        self._targets = Gauge(
            "goleakprobe_collect_targets",
            "Targets by the outcome of their last scrape.",
            ("state",),
            registry=self.registry,
        )
        self._problems = Gauge(
            "goleakprobe_collect_discovery_problems",
            "Entries and files of target lists that cannot be used.",
            registry=self.registry,
        )
        self._messages = Gauge(
            "goleakprobe_collect_in_flight_messages",
            "Events given to the broker and not acknowledged.",
            registry=self.registry,
        )
        self._bytes = Gauge(
            "goleakprobe_collect_in_flight_bytes",
            "Size of the events given to the broker and not acknowledged.",
            registry=self.registry,
        )

    @contextmanager
    def counted(self, source: str) -> Iterator[None]:
        """Count one scrape by how it ends."""
        outcome = "internal"
        try:
            yield
            outcome = "ok"
        except ScrapeError as error:
            outcome = error.outcome
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self.scrapes.labels(source, outcome).inc()

    def measured(self, source: str, *, wall_seconds: float, received_bytes: int) -> None:
        """Note what a whole answer took."""
        self.scrape_seconds.labels(source).observe(wall_seconds)
        self.received_bytes.inc(received_bytes)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format, gauges as they are now."""
        status = self._status
        up, down = status.up, status.down
        self._targets.labels("up").set(up)
        self._targets.labels("down").set(down)
        self._targets.labels("unknown").set(max(len(status.targets) - up - down, 0))
        self._problems.set(len(status.discovery_problems))
        self._messages.set(status.messages_in_flight)
        self._bytes.set(status.bytes_in_flight)
        return generate_latest(self.registry)
