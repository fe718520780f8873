"""The contract's topics on a broker: created once, compared, refused when they cannot fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from goleakprobe_agents.admin import (
    apply_topics,
    check_topics,
    diff_topics,
    wanted_topics,
)
from goleakprobe_agents.broker import EmbeddedBroker
from goleakprobe_agents.errors import BrokerUnavailableError, TopicsError
from goleakprobe_agents.settings import BrokerSettings
from goleakprobe_schemas import TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def empty(require: Callable[[str], None]) -> Iterator[BrokerSettings]:
    require("broker")
    with EmbeddedBroker() as running:
        yield BrokerSettings(bootstrap_servers=running.bootstrap_servers, partitions=3)


def test_every_topic_has_a_dead_letter_topic_with_as_many_partitions() -> None:
    wanted = {topic.name: topic for topic in wanted_topics(BrokerSettings(partitions=5))}
    for topic in TOPICS:
        assert wanted[topic.name].partitions == wanted[topic.dead_letter].partitions == 5
    assert len(wanted) == 2 * len(TOPICS)


def test_the_broker_lets_in_whatever_the_codec_does() -> None:
    wanted = {topic.name: topic for topic in wanted_topics(BrokerSettings())}
    for topic in TOPICS:
        limit = int(wanted[topic.name].config["max.message.bytes"])
        assert limit > topic.message_limit_bytes
        assert int(wanted[topic.dead_letter].config["max.message.bytes"]) > limit


def test_compaction_waits_as_long_as_retention_would() -> None:
    wanted = {topic.name: topic for topic in wanted_topics(BrokerSettings())}
    for topic in TOPICS:
        config = wanted[topic.name].config
        held = "min.compaction.lag.ms" if topic.cleanup == "compact" else "retention.ms"
        assert config[held] == str(topic.retention_ms)


def test_the_broker_goes_by_its_own_clock() -> None:
    """What it forgets, and when, must not depend on a sender's."""
    wanted = {topic.name: topic for topic in wanted_topics(BrokerSettings())}
    for topic in TOPICS:
        assert wanted[topic.name].config["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.broker
def test_applying_creates_all_and_applying_again_does_nothing(empty: BrokerSettings) -> None:
    assert {d.what for d in diff_topics(empty)} == {"missing"}
    assert len(apply_topics(empty)) == 2 * len(TOPICS)
    assert diff_topics(empty) == []
    assert apply_topics(empty) == []
    check_topics(empty)


@pytest.mark.broker
def test_a_worker_will_not_start_without_the_topics(empty: BrokerSettings) -> None:
    with pytest.raises(TopicsError, match="topics apply"):
        check_topics(empty)


@pytest.mark.broker
def test_another_partition_count_is_refused_and_nothing_changed(empty: BrokerSettings) -> None:
    apply_topics(empty)
    other = msgspec.structs.replace(empty, partitions=7)
    for call in (apply_topics, check_topics):
        with pytest.raises(TopicsError, match=r"set broker\.partitions to 3"):
            call(other)
    assert diff_topics(empty) == []


def test_an_absent_broker_is_named(free_port: int) -> None:
    nowhere = BrokerSettings(bootstrap_servers=(f"127.0.0.1:{free_port}",))
    with pytest.raises(BrokerUnavailableError, match=f"127.0.0.1:{free_port}"):
        diff_topics(nowhere)


def test_no_address_at_all_is_said_so() -> None:
    with pytest.raises(BrokerUnavailableError, match="bootstrap_servers is empty"):
        diff_topics(BrokerSettings())
