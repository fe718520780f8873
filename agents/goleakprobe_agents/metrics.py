"""The workers' statuses as Prometheus metrics, liveness and readiness, on one loopback port."""

from __future__ import annotations

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from goleakprobe_agents.errors import PortTakenError
from goleakprobe_agents.liveness import Liveness
from goleakprobe_agents.status import WorkerStatus, read_status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["StatusCollector", "serving_metrics"]

_HOST = "127.0.0.1"
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Status count to metric name and help; the label is the topic, table or receiver.
_COUNTERS = {
    "events": ("goleakprobe_worker_events", "Events worked through.", "topic"),
    "dead_letters": ("goleakprobe_worker_dead_letters", "Messages set aside.", "topic"),
    "invalid": ("goleakprobe_worker_invalid_events", "Messages that were no events.", "topic"),
    "repeated": ("goleakprobe_worker_repeated_events", "Repetitions that were dropped.", "topic"),
    "absent": ("goleakprobe_worker_absent_offsets", "Offsets the log no longer held.", "topic"),
    "outputs": ("goleakprobe_worker_outputs", "Derived events published.", "topic"),
    "snapshots": ("goleakprobe_worker_state_snapshots", "State snapshots saved.", "topic"),
    "rows": ("goleakprobe_landing_rows", "Rows landed.", "table"),
    "files": ("goleakprobe_landing_files", "Files landed.", "table"),
    "alerts_delivered": ("goleakprobe_alerts_delivered", "Alerts a receiver took.", "receiver"),
    "alerts_rejected": ("goleakprobe_alerts_rejected", "Alerts a receiver refused.", "receiver"),
    "alerts_retry": ("goleakprobe_alerts_retried", "Deliveries to be tried again.", "receiver"),
}


class StatusCollector(Collector):
    """Reads the status files anew at each scrape."""

    def __init__(self, status_folder: Path) -> None:
        self._folder = status_folder

    def collect(self) -> Iterable[Metric]:
        """All metrics of all roles."""
        status = read_status(self._folder)
        yield from _counters(status)
        yield from _places(status)
        yield from _processes(status)

    def describe(self) -> Iterable[Metric]:
        """Nothing ahead of time: registering must not read files."""
        return []


def _counters(status: WorkerStatus) -> Iterator[Metric]:
    for kind, (name, text, label) in _COUNTERS.items():
        family = CounterMetricFamily(name, text, labels=["role", label])
        for role in status.roles:
            for of, count in status.count(role, kind).items():
                family.add_metric([role, of], count)
        yield family
    delay = SummaryMetricFamily(
        "goleakprobe_landing_delay_seconds",
        "Time from taking a file's first message to landing it.",
        labels=["topic"],
    )
    delays = status.count("land", "landing_delay_ms")
    for topic, files in status.count("land", "landings").items():
        delay.add_metric([topic], files, delays.get(topic, 0) / 1000)
    yield delay


def _places(status: WorkerStatus) -> Iterator[Metric]:
    lag = GaugeMetricFamily(
        "goleakprobe_worker_lag_messages",
        "Messages known to wait.",
        labels=["role", "topic", "partition"],
    )
    size = GaugeMetricFamily(
        "goleakprobe_worker_state_bytes",
        "Size of the newest state snapshot.",
        labels=["role", "topic", "partition"],
    )
    took = GaugeMetricFamily(
        "goleakprobe_worker_state_snapshot_duration_seconds",
        "Time that the newest state snapshot took.",
        labels=["role", "topic", "partition"],
    )
    for role in status.roles.values():
        for name, place in role.partitions.items():
            topic, _, partition = name.rpartition("-")
            labels = [role.role, topic, partition]
            lag.add_metric(labels, place.lag)
            if place.state_bytes is not None and place.state_seconds is not None:
                size.add_metric(labels, place.state_bytes)
                took.add_metric(labels, place.state_seconds)
    yield from (lag, size, took)


def _processes(status: WorkerStatus) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "goleakprobe_worker_assigned", "Whether a worker has its partitions.", labels=["role"]
    )
    waiting = GaugeMetricFamily(
        "goleakprobe_worker_waiting",
        "Whether a worker waits for a dependency that fails.",
        labels=["role"],
    )
    rebalances = CounterMetricFamily(
        "goleakprobe_worker_rebalances", "Rebalances of the group.", labels=["role"]
    )
    restarts = CounterMetricFamily(
        "goleakprobe_worker_restarts", "Workers started again.", labels=["role"]
    )
    for role in status.roles.values():
        up.add_metric([role.role], role.state == "assigned")
        waiting.add_metric([role.role], bool(role.waiting_for))
        rebalances.add_metric([role.role], role.rebalances)
    if status.supervisor is not None:
        for name, supervised in status.supervisor.roles.items():
            restarts.add_metric([name], supervised.restarts)
    yield from (up, waiting, rebalances, restarts)


@contextmanager
def serving_metrics(
    status_folder: Path, port: int | None, liveness: Liveness | None = None
) -> Iterator[int | None]:
    """Serve ``/metrics``, ``/-/healthy`` and ``/-/ready`` on loopback; without a port, nothing.

    Health is what ``liveness`` (by default one of this folder) says. Yields the port (0 takes a
    free one). Raises PortTakenError.
    """
    if port is None:
        yield None
        return
    liveness = liveness or Liveness(status_folder)
    registry = CollectorRegistry()
    registry.register(StatusCollector(status_folder))
    try:
        server = ThreadingHTTPServer((_HOST, port), _handler(registry, status_folder, liveness))
    except OSError as error:
        raise PortTakenError(_HOST, port) from error
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    liveness.start()
    try:
        yield server.server_address[1]
    finally:
        liveness.stop()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(
    registry: CollectorRegistry, status_folder: Path, liveness: Liveness
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(registry))
            elif self.path == "/-/healthy":
                reasons = liveness.reasons
                said = "".join(f"{reason}\n" for reason in reasons or ("healthy",))
                self._answer(503 if reasons else 200, said.encode())
            elif self.path == "/-/ready":
                ready = read_status(status_folder).ready
                self._answer(200 if ready else 503, b"ready\n" if ready else b"not ready\n")
            else:
                self._answer(404, b"/metrics, /-/healthy and /-/ready are here\n")

        def log_message(self, *_: object) -> None:
            """Scrapes are not news."""

        def _answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", _CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
