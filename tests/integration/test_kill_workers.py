"""Workers are killed in mid-stream; no row is lost or doubled, and findings are the same."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goleakprobe_agents.launch import RunningStream
from goleakprobe_schemas import FINDINGS, SNAPSHOTS, TOPICS
from stream_harness import (
    Feed,
    assert_exact,
    count,
    drained,
    landed_so_far,
    leaking_fleet,
    stream_settings,
    waited,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from goleakprobe_agents.settings import BrokerSettings

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

ROLES = ("detect", "services", "land")


def pid_of(stream: RunningStream, role: str) -> int:
    supervisor = stream.status().supervisor
    assert supervisor is not None
    pid = supervisor.roles[role].pid
    assert pid is not None
    return pid


def moved_on(stream: RunningStream, role: str, since: int) -> Callable[[], bool]:
    return lambda: sum(stream.status().next_offsets(role).values()) > since


def test_each_worker_killed_in_mid_stream_loses_and_doubles_nothing(
    broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    settings = stream_settings(broker_settings, tmp_path)
    fleet = list(leaking_fleet(60))
    part = len(fleet) // (len(ROLES) + 1)
    with RunningStream(settings) as stream, Feed(broker_settings) as feed:
        stream.wait_ready()
        for number, role in enumerate(ROLES):
            reached = sum(stream.status().next_offsets(role).values())
            for key, snapshot in fleet[number * part : (number + 1) * part]:
                feed.send(SNAPSHOTS, key, snapshot)
            feed.flush()
            waited(moved_on(stream, role, reached), f"{role} to be at work")
            os.kill(pid_of(stream, role), signal.SIGKILL)
        for key, snapshot in fleet[len(ROLES) * part :]:
            feed.send(SNAPSHOTS, key, snapshot)
        feed.flush()
        waited(lambda: stream.status().restarts >= len(ROLES), "all to be started again")
        logs = drained(stream, broker_settings)
        supervisor = stream.status().supervisor
        assert supervisor is not None
        for role in ROLES:
            assert supervisor.roles[role].last_exit == "SIGKILL"
        assert_exact(stream, logs)
        assert count(logs[SNAPSHOTS.name]) == len(fleet)
        assert count(logs[FINDINGS.name]) > 0


def test_a_worker_that_stands_still_is_ended_and_replaced(
    broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    settings = stream_settings(broker_settings, tmp_path)
    with (
        RunningStream(settings, role="land", silence_seconds=5) as stream,
        Feed(broker_settings) as feed,
    ):
        stream.wait_ready()
        frozen = pid_of(stream, "land")
        os.kill(frozen, signal.SIGSTOP)
        for key, snapshot in leaking_fleet(5):
            feed.send(SNAPSHOTS, key, snapshot)
        feed.flush()
        waited(lambda: stream.status().restarts >= 1, "the frozen worker to be replaced")
        waited(
            lambda: sum(stream.status().events.values()) >= feed.sent[SNAPSHOTS.name],
            "its successor to land everything",
        )
        with pytest.raises(ProcessLookupError):
            os.kill(frozen, 0)


def test_workers_do_not_outlive_a_supervisor_that_is_killed(
    broker_settings: BrokerSettings, tmp_path: Path, require: Callable[[str], None]
) -> None:
    require("linux")
    with RunningStream(stream_settings(broker_settings, tmp_path), role="land") as stream:
        stream.wait_ready()
        supervisor = stream.status().supervisor
        assert supervisor is not None
        watched = os.pidfd_open(pid_of(stream, "land"))
        try:
            os.kill(supervisor.pid, signal.SIGKILL)
            assert select.select([watched], [], [], 60)[0]
        finally:
            os.close(watched)


def test_two_workers_share_and_the_one_left_takes_over(
    broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    """Two landers on one lake, one killed with its supervisor: a rebalance, no row lost."""
    settings = stream_settings(broker_settings, tmp_path)
    with Feed(broker_settings) as feed:
        fleet = list(leaking_fleet(30))
        half = len(fleet) // 2
        with (
            RunningStream(settings, role="land", status_folder=tmp_path / "one") as one,
            RunningStream(settings, role="land", status_folder=tmp_path / "two") as two,
        ):
            one.wait_ready()
            two.wait_ready()
            waited(
                lambda: bool(
                    one.status().next_offsets("land") and two.status().next_offsets("land")
                ),
                "both to have partitions",
            )
            for key, snapshot in fleet[:half]:
                feed.send(SNAPSHOTS, key, snapshot)
            feed.flush()
            first = one.status().supervisor
            assert first is not None
            os.kill(first.pid, signal.SIGKILL)
            for key, snapshot in fleet[half:]:
                feed.send(SNAPSHOTS, key, snapshot)
            feed.flush()
            partitions = broker_settings.partitions * len(TOPICS)
            waited(
                lambda: len(two.status().next_offsets("land")) == partitions,
                "the other to own everything",
            )
            waited(
                lambda: (
                    landed_so_far(settings.lake.path).total("events", "snapshots") == len(fleet)
                ),
                "everything to be landed",
            )
        verification = landed_so_far(settings.lake.path)
        assert verification.violations == ()
        assert verification.total("events", "snapshots") == len(fleet)
