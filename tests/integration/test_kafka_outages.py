"""Nodes of Apache Kafka are lost, hang and come back under load; the stream stays exact."""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import msgspec
import pytest

from goleakprobe_agents.admin import apply_topics, diff_topics
from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.settings import BrokerSettings, Duration
from goleakprobe_schemas import FINDINGS, SNAPSHOTS
from local_kafka import KafkaCluster
from stream_harness import (
    Feed,
    assert_exact,
    count,
    drained,
    leaking_fleet,
    stream_settings,
    waited,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from goleakprobe_schemas import SnapshotCollected

    Fleet = Sequence[tuple[str, SnapshotCollected]]

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.timeout(900),
    # kafka-python 3.0 leaves sockets to the garbage collector whose connection was refused.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

SESSION_SECONDS = 6


@pytest.fixture(autouse=True)
def _sockets_collected() -> Iterator[None]:
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def one_node(require: Callable[[str], None], tmp_path: Path) -> Iterator[KafkaCluster]:
    yield from running(require, tmp_path / "kafka", 1)


@pytest.fixture
def three_nodes(require: Callable[[str], None], tmp_path: Path) -> Iterator[KafkaCluster]:
    yield from running(require, tmp_path / "kafka", 3)


def running(require: Callable[[str], None], folder: Path, nodes: int) -> Iterator[KafkaCluster]:
    require("java")
    require("maven")
    with KafkaCluster(folder, nodes) as cluster:
        apply_topics(settings_of(cluster))
        yield cluster


def settings_of(cluster: KafkaCluster) -> BrokerSettings:
    return msgspec.structs.replace(
        cluster.settings(), partitions=4, session_timeout=Duration(SESSION_SECONDS)
    )


def parts_of(fleet: Fleet, count: int) -> list[Fleet]:
    size = -(-len(fleet) // count)
    return [fleet[n : n + size] for n in range(0, len(fleet), size)]


def send(feed: Feed, fleet: Fleet) -> None:
    for key, snapshot in fleet:
        feed.send(SNAPSHOTS, key, snapshot)


def landed(stream: RunningStream) -> int:
    return stream.status().events.get(SNAPSHOTS.name, 0)


def assert_all_there(stream: RunningStream, broker: BrokerSettings, fleet: Fleet) -> None:
    logs = drained(stream, broker)
    assert count(logs[SNAPSHOTS.name]) == len(fleet)
    assert count(logs[FINDINGS.name]) > 0
    assert_exact(stream, logs)


def test_a_node_that_is_killed_or_hangs_under_load_costs_nothing(
    one_node: KafkaCluster, tmp_path: Path
) -> None:
    broker = settings_of(one_node)
    (node,) = one_node.nodes
    fleet = list(leaking_fleet(60))
    first, second, third, last = parts_of(fleet, 4)
    with RunningStream(stream_settings(broker, tmp_path)) as stream, Feed(broker) as feed:
        stream.wait_ready()
        send(feed, first)
        feed.flush()
        waited(lambda: landed(stream) > 0, "landing to begin")
        send(feed, second)
        node.kill()
        node.start()
        one_node.wait_ready()
        send(feed, third)
        feed.flush()
        reached = landed(stream)
        node.pause()
        send(feed, last)
        hold(2 * SESSION_SECONDS)
        node.resume()
        feed.flush()
        waited(lambda: landed(stream) > reached or landed(stream) == len(fleet), "landing to go on")
        assert_all_there(stream, broker, fleet)


def hold(seconds: float) -> None:
    """Let time pass: nothing tells that a session has timed out at a broker that hangs."""
    select.select([], [], [], seconds)


def test_leaders_of_three_nodes_are_lost_one_after_another(
    three_nodes: KafkaCluster, tmp_path: Path
) -> None:
    broker = settings_of(three_nodes)
    assert broker.replication_factor == 3
    fleet = list(leaking_fleet(60))
    parts = parts_of(fleet, 4)
    with RunningStream(stream_settings(broker, tmp_path)) as stream, Feed(broker) as feed:
        stream.wait_ready()
        for part in parts[:-1]:
            send(feed, part)
            lost = three_nodes.leader(SNAPSHOTS.name, 0)
            reached = landed(stream)
            lost.kill()
            feed.flush()
            waited(lambda: landed(stream) > reached, "landing to go on without a node")  # noqa: B023
            assert three_nodes.leader(SNAPSHOTS.name, 0) is not lost
            lost.start()
            three_nodes.wait_in_sync()
        send(feed, parts[-1])
        feed.flush()
        assert_all_there(stream, broker, fleet)


def test_settings_of_topics_that_drifted_are_told_and_set_right(one_node: KafkaCluster) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

    broker = settings_of(one_node)
    assert diff_topics(broker) == []
    admin = KafkaAdminClient(bootstrap_servers=list(broker.bootstrap_servers))
    try:
        drift = {"retention.ms": "1000"}
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, SNAPSHOTS.name, configs=drift)]
        )
    finally:
        admin.close()
    waited(lambda: bool(diff_topics(broker)), "the drift to show")
    (found,) = diff_topics(broker)
    assert (found.topic, found.what, found.found) == (SNAPSHOTS.name, "retention.ms", "1000")
    assert found.wanted == str(SNAPSHOTS.retention_ms)
    assert apply_topics(broker) == [found]
    waited(lambda: not diff_topics(broker), "the repair to show")


def test_nodes_do_not_outlive_who_started_them(
    tmp_path: Path, require: Callable[[str], None]
) -> None:
    for part in ("linux", "java", "maven"):
        require(part)
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from local_kafka import KafkaCluster\n"
        "with KafkaCluster(Path(sys.argv[1])) as cluster:\n"
        "    print(cluster.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as starter:
        assert starter.stdout is not None
        watched = os.pidfd_open(int(starter.stdout.readline()))
        try:
            starter.send_signal(signal.SIGKILL)
            starter.wait()
            assert select.select([watched], [], [], 60)[0]
        finally:
            os.close(watched)
