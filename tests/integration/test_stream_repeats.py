"""Senders repeat themselves under new offsets; every event counts once, and repeats are told."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goleakprobe_agents.launch import RunningStream
from goleakprobe_schemas import FINDINGS, RUNTIMES, SNAPSHOTS
from stream_harness import (
    Feed,
    assert_exact,
    count,
    drained,
    leaking_fleet,
    stream_settings,
    waited,
)
from stream_messages import a_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goleakprobe_agents.settings import BrokerSettings
    from goleakprobe_schemas import SnapshotCollected

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]


def publish(broker: BrokerSettings, fleet: Sequence[tuple[str, SnapshotCollected]]) -> None:
    """As one sender, which the broker has never seen before."""
    with Feed(broker) as feed:
        for number, (key, snapshot) in enumerate(fleet):
            feed.send(SNAPSHOTS, key, snapshot, event_id=snapshot.id)
            feed.send(RUNTIMES, key, a_sample(number), event_id=f"sample of {snapshot.id}")
        feed.flush()


def test_what_is_sent_again_at_once_or_after_a_restart_is_landed_and_counted_once(
    broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    settings = stream_settings(broker_settings, tmp_path)
    fleet = list(leaking_fleet(30))
    half = len(fleet) // 2
    with RunningStream(settings) as stream:
        publish(broker_settings, fleet[:half])
        publish(broker_settings, fleet[half - 20 : half])
        drained(stream, broker_settings)
        for role in ("detect", "land"):
            supervisor = stream.status().supervisor
            assert supervisor is not None
            pid = supervisor.roles[role].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        waited(lambda: stream.status().restarts >= 2, "both to be started again")
        publish(broker_settings, fleet[half - 30 : half])
        publish(broker_settings, fleet[half:])
        logs = drained(stream, broker_settings)
        assert count(logs[SNAPSHOTS.name]) == count(logs[RUNTIMES.name]) == len(fleet) + 50
        verification = assert_exact(stream, logs)
        for table in ("snapshots", "runtime"):
            assert verification.total("events", table) == len(fleet)
            assert verification.total("repeated", table) == 50
        assert count(logs[FINDINGS.name]) > 0
        for role in ("detect", "land"):
            repeated = stream.status().count(role, "repeated")
            assert repeated[SNAPSHOTS.name] >= 30, "since its restart"
