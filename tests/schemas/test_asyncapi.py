"""The map of topics shows the topics of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from goleakprobe_schemas import TOPICS, Topic

MAP = Path(__file__).parents[2] / "schemas" / "asyncapi.yaml"


@pytest.fixture(scope="module")
def channels() -> dict[str, dict[str, Any]]:
    document = yaml.safe_load(MAP.read_text())
    assert document["asyncapi"] == "3.1.0"
    return {channel["address"]: channel for channel in document["channels"].values()}


def test_every_topic_is_on_the_map_and_no_other(channels: dict[str, dict[str, Any]]) -> None:
    assert set(channels) == {topic.name for topic in TOPICS}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_channel_tells_what_the_code_does(
    topic: Topic, channels: dict[str, dict[str, Any]]
) -> None:
    channel = channels[topic.name]
    ((name, message),) = channel["messages"].items()
    assert name == topic.event.__name__
    assert (MAP.parent / message["payload"]["$ref"]).is_file()
    assert message["bindings"]["kafka"]["key"]["description"] == topic.key
    configuration = channel["bindings"]["kafka"]["topicConfiguration"]
    assert configuration["cleanup.policy"] == [topic.cleanup]
    assert configuration["max.message.bytes"] == topic.message_limit_bytes
    if topic.cleanup == "delete":
        assert configuration["retention.ms"] == topic.retention_ms
