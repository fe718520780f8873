"""Memory over time: a fleet at a steady rate through every role, for as long as one likes.

    PYTHONPATH=agents:schemas:pipeline:tests .venv/bin/python tests/benchmarks/stream/soak.py \\
        --minutes 30 --rate 100 --targets 500

Prints the resident memory and CPU time of every worker each minute, as CSV.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import psutil
from kafka import KafkaProducer

from goleakprobe_agents.admin import apply_topics
from goleakprobe_agents.broker import EmbeddedBroker
from goleakprobe_agents.connection import client_options
from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.settings import (
    BrokerSettings,
    Duration,
    LakeSettings,
    StateSettings,
    StreamSettings,
)
from goleakprobe_schemas import SNAPSHOTS
from stream_load import fleet, fleet_headers

_MB = 1024 * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=int, default=100, help="snapshots a second")
    parser.add_argument("--targets", type=int, default=500)
    given = parser.parse_args()
    with EmbeddedBroker() as broker, tempfile.TemporaryDirectory() as folder:
        settings = StreamSettings(
            broker=BrokerSettings(
                bootstrap_servers=broker.bootstrap_servers,
                partitions=4,
                session_timeout=Duration(30),
            ),
            lake=LakeSettings(path=f"{folder}/lake"),
            state=StateSettings(path=f"{folder}/state"),
        )
        apply_topics(settings.broker)
        with RunningStream(settings, log=Path(folder) / "log") as stream:
            stream.wait_ready(300)
            _run(settings.broker, stream, given)


def _run(broker: BrokerSettings, stream: RunningStream, given: argparse.Namespace) -> None:
    producer = KafkaProducer(
        **client_options(broker), compression_type="lz4", linger_ms=20, batch_size=256 * 1024
    )
    load = fleet(given.targets)
    began = told = time.monotonic()
    sent, held = 0, []
    print("minute,role,rss_mb,cpu_seconds,lag,restarts,events,sent", flush=True)
    while (now := time.monotonic()) - began < given.minutes * 60:
        while sent < (now - began) * given.rate:
            key, body, time_ns = next(load)
            headers = fleet_headers(key, time_ns)
            held.append(
                producer.send(SNAPSHOTS.name, key=key.encode(), value=body, headers=headers)
            )
            sent += 1
        if len(held) > 1000:
            for future in held:
                future.get(120)
            held.clear()
        if now - told >= 60:
            told = now
            _tell(stream, (now - began) / 60, sent)
        time.sleep(0.02)
    _tell(stream, given.minutes, sent)


def _tell(stream: RunningStream, minute: float, sent: int) -> None:
    status = stream.status()
    for name, role in sorted(status.roles.items()):
        try:
            process = psutil.Process(role.pid)
            rss, times = process.memory_info().rss, process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        restarts = status.supervisor.roles[name].restarts if status.supervisor else 0
        events = sum(status.count(name, "events").values())
        figures = (f"{minute:.1f}", name, f"{rss / _MB:.1f}", f"{times.user + times.system:.1f}")
        print(*figures, status.lag(name), restarts, events, sent, sep=",", flush=True)


if __name__ == "__main__":
    main()
