"""What detector state costs: to capture, write and load it, and to catch up after a restart."""

from __future__ import annotations

import os
import time
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from goleakprobe_agents.admin import apply_topics
from goleakprobe_agents.assessing import AssessingStage
from goleakprobe_agents.broker import EmbeddedBroker
from goleakprobe_agents.settings import (
    BrokerSettings,
    DetectionSettings,
    Duration,
    LakeSettings,
    StateSettings,
    StreamSettings,
)
from goleakprobe_agents.stage import Record
from goleakprobe_agents.state import Snapshot, SnapshotFolder
from goleakprobe_schemas import SNAPSHOTS, decode
from stream_load import fleet, publish_fleet, publishing
from stream_speed import WatchedWorker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

MESSAGES = int(os.environ.get("MESSAGES", "30000"))
RATE = int(os.environ.get("RATE", "1000"))
TARGETS = 1000


@pytest.mark.parametrize("keys", [100, 1000, 10_000, 50_000])
def test_state_of_so_many_keys(keys: int, tmp_path: Path) -> None:
    targets = max(1, keys // 30)
    stage = AssessingStage(DetectionSettings())
    loaded = AssessingStage(DetectionSettings())
    records = [
        Record(SNAPSHOTS.name, 0, offset, decode(SNAPSHOTS, body))
        for offset, (_, body, _) in enumerate(islice(fleet(targets), 3 * targets))
    ]
    stage.apply(records)
    folder = SnapshotFolder(str(tmp_path), "bench")
    captured = _timed(stage.dump)
    snapshot = Snapshot(
        topic=SNAPSHOTS.name,
        partition=0,
        log_id="0",
        next_offset=len(records),
        origins={},
        state=stage.dump(),
    )
    written = _timed(lambda: folder.save(snapshot))
    read = _timed(lambda: folder.load(SNAPSHOTS.name, 0, "0"))
    taken = _timed(lambda: loaded.load(snapshot.state))
    print(
        f"\n{keys:,} keys: {len(snapshot.state) / 1e6:.1f} MB; CPU seconds: capture "
        f"{captured[0]:.3f}, write {written[0]:.3f}, read {read[0]:.3f}, load {taken[0]:.3f}; "
        f"wall seconds: {captured[1]:.2f}, {written[1]:.2f}, {read[1]:.2f}, {taken[1]:.2f}"
    )
    assert loaded.dump() == snapshot.state


def test_a_killed_worker_catches_up(require: Callable[[str], None], tmp_path: Path) -> None:
    """A worker dies at the end of a whole interval between snapshots; another makes up for it.

    As much as before keeps coming meanwhile. It has caught up when less than a second's worth
    waits.
    """
    require("broker")
    interval = MESSAGES / RATE
    with EmbeddedBroker() as running:
        broker = BrokerSettings(
            bootstrap_servers=running.bootstrap_servers, partitions=4, session_timeout=Duration(6)
        )
        apply_topics(broker)
        publish_fleet(broker, MESSAGES, TARGETS)
        settings = StreamSettings(
            broker=broker,
            lake=LakeSettings(path=str(tmp_path / "lake")),
            state=StateSettings(path=str(tmp_path / "state"), snapshot_interval=Duration(3600)),
        )
        first = WatchedWorker(settings, "detect", tmp_path / "first")
        _until(lambda: first.done() > 0)
        to_first_event = time.monotonic() - first.started
        _until(lambda: first.done() == MESSAGES)
        first.stop(9)
        with publishing(broker, RATE, TARGETS, first=MESSAGES // TARGETS):
            second = WatchedWorker(settings, "detect", tmp_path / "second")
            _until(lambda: second.done() > MESSAGES and _lag(second) < RATE)
            caught_up = time.monotonic() - second.started
            replayed, cpu = second.done(), second.cpu()
        second.stop()
    print(
        f"\nstart to first event {to_first_event:.1f} s; killed after {interval:.0f} s at {RATE:,} "
        f"a second without a snapshot, started and caught up after {caught_up:.1f} s "
        f"({replayed:,} snapshots, {cpu:.1f} CPU s with start-up)"
    )


def _lag(worker: WatchedWorker) -> int:
    status = worker.status()
    assert status is not None
    return sum(place.lag for place in status.partitions.values())


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall
