"""Our agents beside a no-op agent, the bare client and quixstreams, on one broker in one run.

KAFKA=1 in the environment runs all of it on a local Apache Kafka. MESSAGES, KEYS and WORKERS
change the size. Ratios are of CPU time: see README.md for why, and for what was measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goleakprobe_agents.connection import client_options
from goleakprobe_agents.settings import (
    BrokerSettings,
    Duration,
    LakeSettings,
    StateSettings,
    StreamSettings,
)
from goleakprobe_schemas import SNAPSHOTS
from stream_load import publish_fleet
from stream_speed import Speed, contender, worked_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

MESSAGES = int(os.environ.get("MESSAGES", "16000"))
TARGETS = int(os.environ.get("KEYS", "30000")) // 30
QUIX = "quixstreams==3.28.1"
SMALL_GROUPS = 3  # about 1 KB of JSON
# Wide: what is asserted must hold on any machine, whoever else uses it. Of a few keys nothing is
# asserted: what is vectorised over targets has nothing to be vectorised over.
LEAST_SHARE = 0.25 if TARGETS >= 300 else 0.0


@pytest.fixture(scope="module", params=["realistic", "small"])
def load(
    request: pytest.FixtureRequest,
    require: Callable[[str], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[BrokerSettings, str]]:
    """A broker whose snapshot topic holds the load, and the load's name."""
    from goleakprobe_agents.admin import apply_topics
    from goleakprobe_agents.broker import EmbeddedBroker

    if os.environ.get("KAFKA"):
        require("java")
        require("maven")
        from local_kafka import KafkaCluster

        running: EmbeddedBroker | KafkaCluster = KafkaCluster(
            tmp_path_factory.mktemp("kafka") / "kafka"
        )
    else:
        require("broker")
        running = EmbeddedBroker()
    with running:
        settings = BrokerSettings(
            bootstrap_servers=running.bootstrap_servers, partitions=4, session_timeout=Duration(6)
        )
        apply_topics(settings)
        _create(settings, f"{SNAPSHOTS.name}.bench")
        groups = 30 if request.param == "realistic" else SMALL_GROUPS
        size = publish_fleet(settings, MESSAGES, TARGETS, groups=groups)
        print(f"\n{request.param}: {MESSAGES:,} snapshots of {TARGETS:,} targets, {size:,} bytes")
        yield settings, request.param


def _create(broker: BrokerSettings, topic: str) -> None:
    """A topic for the producer alone: Apache Kafka makes none by itself."""
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(**client_options(broker))
    try:
        admin.create_topics({topic: {"num_partitions": 4, "replication_factor": 1}})
    finally:
        admin.close()


@pytest.fixture(scope="session")
def quix_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python of its own with quixstreams, which is no dependency of ours."""
    folder = tmp_path_factory.mktemp("quix")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    python = folder / "bin" / "python"
    got = subprocess.run(
        [str(python), "-m", "pip", "install", "-q", QUIX],
        check=False,
        capture_output=True,
        text=True,
    )
    if got.returncode:
        pytest.skip(f"cannot install {QUIX}: {got.stderr[-200:]}")
    return str(python)


def ours(broker: BrokerSettings, folder: Path, role: str, workers: int = 1) -> Speed:
    settings = StreamSettings(
        broker=broker,
        lake=LakeSettings(path=str(folder / "lake"), roll_interval=Duration(5)),
        state=StateSettings(path=str(folder / "state")),
    )
    name = {"detect": "detection", "land": "landing"}[role]
    return worked_off(f"{name}, {workers} worker(s)", settings, role, MESSAGES, folder, workers)


def told(*speeds: Speed) -> None:
    for speed in speeds:
        print(speed, flush=True)


def test_agents_beside_an_agent_that_does_nothing(
    load: tuple[BrokerSettings, str], tmp_path: Path
) -> None:
    broker, name = load
    told(contender("kafka-python producer", "producer.py", broker, MESSAGES, "1024"))
    told(contender("aiokafka getmany", "raw_aiokafka.py", broker, MESSAGES))
    idle = contender("Faust agent without work", "noop_faust.py", broker, MESSAGES)
    told(idle)
    for role in ("detect", "land"):
        speed = ours(broker, tmp_path / role, role)
        told(speed)
        share = idle.micros / speed.micros
        print(f"  {share:.0%} of the agent without work")
        assert share > LEAST_SHARE, name
    told(contender("Faust agent without work, again", "noop_faust.py", broker, MESSAGES))


def test_two_workers_share_the_partitions(load: tuple[BrokerSettings, str], tmp_path: Path) -> None:
    broker, _ = load
    told(ours(broker, tmp_path / "detect", "detect", 2), ours(broker, tmp_path / "land", "land", 2))


def test_the_peer_beside_ours(
    load: tuple[BrokerSettings, str], quix_python: str, tmp_path: Path
) -> None:
    broker, name = load
    told(contender("quixstreams noop", "quix.py", broker, MESSAGES, "noop", python=quix_python))
    told(contender("quixstreams JSON", "quix.py", broker, MESSAGES, "json", python=quix_python))
    if not os.environ.get("KAFKA"):
        print("quixstreams keeps no state on the embedded broker (KeyError 'retention.ms')")
        return
    count = min(MESSAGES, 4000)
    per_message = contender(
        "quixstreams, state a message", "quix.py", broker, count, "total", python=quix_python
    )
    per_group = contender(
        "quixstreams, state a group", "quix.py", broker, count, "groups", python=quix_python
    )
    mine = ours(broker, tmp_path / "detect", "detect")
    told(per_message, per_group, mine)
    assert mine.micros < 3 * per_group.micros, name


if __name__ == "__main__":
    pytest.main(["-m", "bench", "-s", "-n", "0", __file__])
