"""A consumer group has work for whoever comes next, however and whenever its members left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.settings import Duration
from goleakprobe_schemas import TOPICS
from stream_harness import LONG_SECONDS, stream_settings

if TYPE_CHECKING:
    from pathlib import Path

    from goleakprobe_agents.settings import BrokerSettings

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

# Members hear of a change with their heartbeats, every four seconds then: time enough to stop one
# that has not heard yet.
SESSION_SECONDS = 12.0
# The embedded broker lets a session pass, and two joins of half a session each.
READY_SECONDS = 100.0


def test_a_worker_that_stops_just_after_another_member_left_has_a_successor(
    broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    broker = msgspec.structs.replace(broker_settings, session_timeout=Duration(SESSION_SECONDS))
    settings = stream_settings(broker, tmp_path)
    with RunningStream(settings, role="land") as first:
        first.wait_ready()
        asyncio.run(come_and_go(broker, f"{broker.group_prefix}-land"))
        assert first.stop() == 0
    with RunningStream(settings, role="land") as successor:
        successor.wait_ready(READY_SECONDS)


async def come_and_go(broker: BrokerSettings, group: str) -> None:
    """Be a second member for as long as it takes to be given a share."""
    member = group_member(broker, group)
    await member.start()
    try:
        async with asyncio.timeout(LONG_SECONDS):
            while not member.assignment():  # noqa: ASYNC110 - aiokafka has no event for it
                await asyncio.sleep(0.02)
    finally:
        await member.stop()


def group_member(broker: BrokerSettings, group: str) -> Any:
    from aiokafka import AIOKafkaConsumer
    from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

    session_ms = int(float(broker.session_timeout) * 1000)
    return AIOKafkaConsumer(
        *(topic.name for topic in TOPICS),
        bootstrap_servers=list(broker.bootstrap_servers),
        group_id=group,
        partition_assignment_strategy=[RoundRobinPartitionAssignor],
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=session_ms // 3,
        rebalance_timeout_ms=2 * session_ms,
        enable_auto_commit=False,
    )
