"""The broker of a run: embedded, Apache Kafka on this machine, or one that is there already."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from goleakprobe_agents.broker import EmbeddedBroker
from goleakprobe_agents.settings import BrokerSettings, Duration
from local_kafka import KafkaCluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["RunningBroker", "running_broker"]

# The embedded broker answers a new group after half its session timeout.
_EMBEDDED_SESSION = Duration(6)
_EMBEDDED_PARTITIONS = 4


class RunningBroker(msgspec.Struct, frozen=True, kw_only=True):
    """A broker and how to see what it costs."""

    settings: BrokerSettings
    pid: int | None = None
    logs: Path | None = None
    """Where it keeps its topics, if it does on this machine's disk."""

    def stored_bytes(self) -> dict[str, int]:
        """Topic to bytes on disk; empty where topics are kept in memory or elsewhere."""
        if self.logs is None:
            return {}
        stored: dict[str, int] = {}
        for segment in self.logs.rglob("*.log"):
            topic, _, partition = segment.parent.name.rpartition("-")
            if partition.isdigit() and topic.startswith("goroutine."):
                stored[topic] = stored.get(topic, 0) + segment.stat().st_size
        return stored


@contextmanager
def running_broker(kind: str, folder: Path, *, heap_mb: int) -> Iterator[RunningBroker]:
    """Start ``embedded`` or ``kafka``, or use the given ``host:port``."""
    if kind == "embedded":
        with EmbeddedBroker(log=folder / "broker.log") as embedded:
            settings = BrokerSettings(
                bootstrap_servers=embedded.bootstrap_servers,
                partitions=_EMBEDDED_PARTITIONS,
                session_timeout=_EMBEDDED_SESSION,
            )
            yield RunningBroker(settings=settings, pid=embedded.pid)
    elif kind == "kafka":
        with KafkaCluster(folder / "kafka", heap_mb=heap_mb) as cluster:
            yield RunningBroker(
                settings=cluster.settings(), pid=cluster.pid, logs=cluster.nodes[0].data
            )
    else:
        yield RunningBroker(settings=BrokerSettings(bootstrap_servers=(kind,)))
