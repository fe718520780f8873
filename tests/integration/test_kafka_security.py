"""Apache Kafka with TLS, SCRAM and the ACLs that infra/kafka gives out, from scrape to lake."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from collect_targets import go_target, grouped_text
from goleakprobe.collect import CollectorStatus, run_collector
from goleakprobe.config import Config, ScrapeConfig, StaticConfig
from goleakprobe_agents.access import COLLECTED, check_access, check_role_access
from goleakprobe_agents.admin import apply_topics, check_topics, diff_topics
from goleakprobe_agents.connection import client_options
from goleakprobe_agents.errors import (
    AccessError,
    BrokerUnavailableError,
    TopicsError,
    WorkerFailedError,
)
from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.settings import BrokerSettings, Duration
from goleakprobe_agents.workers import ROLES
from goleakprobe_schemas import SNAPSHOTS, TOPICS
from local_kafka import KafkaCluster
from local_kafka.node import java_command
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
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.timeout(600),
    # One cluster with its users serves all tests of the module.
    pytest.mark.xdist_group("kafka_security"),
]

ACLS = Path(__file__).parents[2] / "infra" / "kafka" / "acls.sh"
ADMIN, COLLECTOR, WORKER = "goleakprobe-topics", "goleakprobe-collect", "goleakprobe-worker"


@pytest.fixture(scope="module")
def secured(
    require: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KafkaCluster]:
    for part in ("java", "maven", "openssl"):
        require(part)
    folder = tmp_path_factory.mktemp("kafka")
    users = (ADMIN, COLLECTOR, WORKER)
    with KafkaCluster(folder, security="sasl_ssl", users=users) as cluster:
        give_out_acls(cluster)
        apply_topics(as_user(cluster, ADMIN))
        yield cluster


def give_out_acls(cluster: KafkaCluster) -> None:
    """Run the script that people run."""
    command = shlex.join(java_command("org.apache.kafka.tools.AclCommand"))
    kafka_acls = cluster.folder / "kafka-acls.sh"
    kafka_acls.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    kafka_acls.chmod(0o755)
    done = subprocess.run(
        [ACLS, ",".join(cluster.bootstrap_servers), cluster.write_client_properties()],
        env=os.environ | {"KAFKA_ACLS": str(kafka_acls)},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def as_user(cluster: KafkaCluster, user: str) -> BrokerSettings:
    return msgspec.structs.replace(
        cluster.settings(user), partitions=4, session_timeout=Duration(6)
    )


def test_acls_name_every_topic_of_the_contract() -> None:
    words = ACLS.read_text().split()
    for topic in TOPICS:
        assert topic.name in words
        assert topic.dead_letter in words


def test_what_is_scraped_reaches_the_lake_once_under_least_privilege(
    secured: KafkaCluster, tmp_path: Path
) -> None:
    settings = stream_settings(as_user(secured, WORKER), tmp_path)

    async def collect() -> CollectorStatus:
        async with go_target() as target:
            target.leak = grouped_text({"leak": 3}, kind="goroutineleak")
            job = ScrapeConfig(
                job_name="shop",
                scrape_interval=Duration(0.5),
                scrape_timeout=Duration(0.4),
                static_configs=(StaticConfig(targets=(target.address,)),),
            )
            config = Config(broker=as_user(secured, COLLECTOR), scrape_configs=(job,))
            status, stop = CollectorStatus(), asyncio.Event()
            task = asyncio.create_task(run_collector(config, stop=stop, status=status))
            try:
                async with asyncio.timeout(120):
                    while status.published[SNAPSHOTS.name] < 10:  # noqa: ASYNC110
                        await asyncio.sleep(0.1)
            finally:
                stop.set()
                await task
            return status

    with RunningStream(settings) as stream:
        stream.wait_ready()
        status = asyncio.run(collect())
        assert not status.publish_failures
        logs = drained(stream, as_user(secured, "admin"))
        verification = assert_exact(stream, logs)
        for topic, published in status.published.items():
            assert count(logs[topic]) == published
        assert verification.total("events", "snapshots") == status.published[SNAPSHOTS.name]
        assert stream.status().restarts == 0


def test_dead_letters_and_findings_may_be_written_by_the_worker(
    secured: KafkaCluster, tmp_path: Path
) -> None:
    worker = msgspec.structs.replace(as_user(secured, WORKER), group_prefix="goleakprobe-2")
    with RunningStream(stream_settings(worker, tmp_path)) as stream:
        stream.wait_ready()
        with Feed(as_user(secured, COLLECTOR)) as feed:
            for key, snapshot in leaking_fleet(20):
                feed.send(SNAPSHOTS, key, snapshot)
            feed.send(SNAPSHOTS, "bad", b"no event")
            feed.flush()
        waited(lambda: stream.status().dead_letters == {SNAPSHOTS.name: 1}, "the dead letter")
        waited(lambda: stream.status().events.get("goroutine.leak.found.v1", 0) > 0, "a finding")
        assert stream.status().restarts == 0


def test_a_collector_may_not_read_nor_a_worker_make_topics(secured: KafkaCluster) -> None:
    from kafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

    assert diff_topics(as_user(secured, ADMIN)) == []
    check_topics(as_user(secured, WORKER))
    with pytest.raises((TopicAuthorizationFailedError, GroupAuthorizationFailedError)):
        consume_one(as_user(secured, COLLECTOR))
    with pytest.raises(TopicAuthorizationFailedError), Feed(as_user(secured, WORKER)) as feed:
        feed.send_and_wait(SNAPSHOTS, "k", b"forged")


def test_each_part_is_told_at_the_start_which_right_it_lacks(secured: KafkaCluster) -> None:
    check_access(as_user(secured, COLLECTOR), writes=COLLECTED)
    check_role_access(as_user(secured, WORKER), ROLES)
    with pytest.raises(AccessError, match=f"{COLLECTOR} lacks Read on topic {SNAPSHOTS.name}"):
        check_access(as_user(secured, COLLECTOR), reads=[SNAPSHOTS.name])
    with pytest.raises(AccessError, match=f"{COLLECTOR} lacks Read on group goleakprobe-land"):
        check_access(as_user(secured, COLLECTOR), groups=["goleakprobe-land"])
    with pytest.raises(TopicsError, match=f"or does not show to {COLLECTOR}"):
        check_role_access(as_user(secured, COLLECTOR), ["land"])


def consume_one(broker: BrokerSettings) -> None:
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(**client_options(broker), group_id=None, auto_offset_reset="earliest")
    try:
        consumer.assign([TopicPartition(SNAPSHOTS.name, 0)])
        for _ in range(20):
            consumer.poll(timeout_ms=500)
    finally:
        consumer.close()


def test_a_wrong_password_is_said_to_be_one(secured: KafkaCluster, tmp_path: Path) -> None:
    worker = as_user(secured, WORKER)
    assert worker.sasl is not None
    wrong = tmp_path / "password"
    wrong.write_text("guessed")
    guessed = msgspec.structs.replace(
        worker, sasl=msgspec.structs.replace(worker.sasl, password_file=str(wrong))
    )
    with pytest.raises(BrokerUnavailableError, match="authentication of goleakprobe-worker"):
        check_topics(guessed)
    with (
        RunningStream(stream_settings(guessed, tmp_path), role="land") as stream,
        pytest.raises(WorkerFailedError, match="authentication of goleakprobe-worker"),
    ):
        stream.wait_ready()


def test_a_broker_of_another_authority_is_not_trusted(
    secured: KafkaCluster, tmp_path: Path
) -> None:
    from local_kafka.certificates import make_certificates

    worker = as_user(secured, WORKER)
    assert worker.tls is not None
    other = make_certificates(tmp_path / "other")
    stranger = msgspec.structs.replace(
        worker, tls=msgspec.structs.replace(worker.tls, ca_file=str(other.ca))
    )
    with pytest.raises(BrokerUnavailableError, match="certificate verify failed"):
        check_topics(stranger)
