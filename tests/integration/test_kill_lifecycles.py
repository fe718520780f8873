"""The lifecycles worker is killed in mid-stream; what it tells is told once and the same."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from goleakprobe.lake.verify import verify_lake
from goleakprobe_agents.launch import RunningStream
from goleakprobe_agents.lifecycles import LifecycleStage
from goleakprobe_agents.services import ServiceStage
from goleakprobe_agents.settings import DetectionSettings
from goleakprobe_schemas import ASSESSMENTS, FINDINGS, LIFECYCLES, Target
from stream_harness import Feed, count, drained, stream_settings, told, undisturbed, waited
from stream_messages import START_NS
from traced_windows import leaking_window

if TYPE_CHECKING:
    from pathlib import Path

    from goleakprobe_agents.settings import BrokerSettings

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

_TARGETS = [Target("default", f"service-{n % 3}", f"10.0.0.{n}:6060") for n in range(6)]
_WINDOWS = 40


def test_a_killed_lifecycles_worker_loses_and_doubles_nothing(
    broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    settings = stream_settings(broker_settings, tmp_path)
    with RunningStream(settings) as stream, Feed(broker_settings) as feed:
        stream.wait_ready()
        for half in range(2):
            for number in range(half * _WINDOWS // 2, (half + 1) * _WINDOWS // 2):
                for target in _TARGETS:
                    window = leaking_window(
                        60 * number,
                        service=target.service,
                        instance=target.instance,
                        id=f"{target.key}@{number}",
                        # Kafka refuses messages from the future.
                        time_ns=START_NS + 60 * number * 10**9,
                        process_start_ns=START_NS - 10**9,
                    )
                    feed.send(LIFECYCLES, target.key, window)
            feed.flush()
            if half == 0:
                waited(
                    lambda: sum(stream.status().next_offsets("lifecycles").values()) > 0,
                    "the lifecycles worker to be at work",
                )
                supervisor = stream.status().supervisor
                assert supervisor is not None
                pid = supervisor.roles["lifecycles"].pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
        waited(lambda: stream.status().restarts >= 1, "it to be started again")
        logs = drained(stream, broker_settings)
    sent = len(_TARGETS) * _WINDOWS
    assert count(logs[LIFECYCLES.name]) == sent
    verified = verify_lake(settings.lake.path)
    assert verified.violations == ()
    assert verified.total("events", LIFECYCLES.table) == sent
    assessed = undisturbed(LIFECYCLES, logs[LIFECYCLES.name], LifecycleStage)
    assert told(logs[ASSESSMENTS.name]) == assessed[ASSESSMENTS.name]
    assert len(assessed[ASSESSMENTS.name]) == sent
    served = undisturbed(
        ASSESSMENTS, logs[ASSESSMENTS.name], lambda: ServiceStage(DetectionSettings())
    )
    assert told(logs[FINDINGS.name]) == served[FINDINGS.name]
    assert len(served[FINDINGS.name]) >= 3, "a finding for each service"
