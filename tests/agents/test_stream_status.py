"""What workers tell, from their files to metrics and readiness."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goleakprobe_agents.errors import PortTakenError
from goleakprobe_agents.liveness import Liveness
from goleakprobe_agents.metrics import serving_metrics
from goleakprobe_agents.status import (
    PartitionStatus,
    RoleStatus,
    SupervisedRole,
    SupervisorStatus,
    read_status,
    role_status_path,
    supervisor_status_path,
    write_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def tell(folder: Path, *, pid: int = 7, state: str = "assigned", restarts: int = 0) -> None:
    role = RoleStatus(
        role="land",
        pid=pid,
        state=state,
        partitions={
            "a.b.v1-0": PartitionStatus(
                next_offset=5, log_end=9, state_bytes=4096, state_seconds=0.25
            ),
            "a.b.v1-1": PartitionStatus(next_offset=0),
        },
        counts={
            "events": {"a.b.v1": 5},
            "rows": {"snapshots": 50},
            "dead_letters": {"a.b.v1": 1},
            "landing_delay_ms": {"a.b.v1": 1500},
            "landings": {"a.b.v1": 2},
        },
    )
    write_status(role_status_path(folder, "land"), role)
    supervised = SupervisedRole(pid=7, restarts=restarts, counts={"events": {"a.b.v1": 100}})
    supervisor = SupervisorStatus(pid=1, state="running", roles={"land": supervised})
    write_status(supervisor_status_path(folder), supervisor)


def test_counts_of_lives_before_are_added(tmp_path: Path) -> None:
    tell(tmp_path, restarts=2)
    status = read_status(tmp_path)
    assert status.events == {"a.b.v1": 105}
    assert status.landed_rows == {"snapshots": 50}
    assert status.dead_letters == {"a.b.v1": 1}
    assert status.lag("land") == 4
    assert status.lag("detect") == 0
    assert status.next_offsets("land") == {"a.b.v1-0": 5, "a.b.v1-1": 0}
    assert status.restarts == 2


def test_readiness_is_that_of_the_present_process(tmp_path: Path) -> None:
    tell(tmp_path)
    assert read_status(tmp_path).ready
    tell(tmp_path, state="starting")
    assert not read_status(tmp_path).ready
    tell(tmp_path, pid=6)
    assert not read_status(tmp_path).ready


def test_nobody_there_is_not_ready_and_no_error(tmp_path: Path) -> None:
    status = read_status(tmp_path / "nowhere")
    assert not status.ready
    assert status.events == {}


def test_a_damaged_status_is_a_gap_not_an_error(tmp_path: Path) -> None:
    tell(tmp_path)
    role_status_path(tmp_path, "land").write_bytes(b"{")
    assert read_status(tmp_path).roles == {}


def get(port: int | None, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_liveness_and_readiness_are_served(tmp_path: Path) -> None:
    tell(tmp_path, restarts=3)
    with serving_metrics(tmp_path, 0) as port:
        code, body = get(port, "/metrics")
        assert code == 200
        assert 'goleakprobe_worker_events_total{role="land",topic="a.b.v1"} 105.0' in body
        assert (
            'goleakprobe_worker_lag_messages{partition="0",role="land",topic="a.b.v1"} 4.0' in body
        )
        assert 'goleakprobe_worker_restarts_total{role="land"} 3.0' in body
        assert 'goleakprobe_landing_delay_seconds_sum{topic="a.b.v1"} 1.5' in body
        assert 'goleakprobe_landing_delay_seconds_count{topic="a.b.v1"} 2.0' in body
        place = 'partition="0",role="land",topic="a.b.v1"'
        assert f"goleakprobe_worker_state_bytes{{{place}}} 4096.0" in body
        took = "goleakprobe_worker_state_snapshot_duration_seconds"
        assert f"{took}{{{place}}} 0.25" in body
        assert took + '{partition="1"' not in body
        assert get(port, "/-/healthy") == (200, "healthy\n")
        assert get(port, "/-/ready") == (200, "ready\n")
        tell(tmp_path, state="starting")
        assert get(port, "/-/ready") == (503, "not ready\n")
        assert get(port, "/other")[0] == 404
        with pytest.raises(PortTakenError, match="already in use"), serving_metrics(tmp_path, port):
            pass


def test_health_fails_with_the_reason_when_a_worker_beats_no_more(tmp_path: Path) -> None:
    tell(tmp_path)
    liveness = Liveness(tmp_path, silence_seconds=0.1)
    with serving_metrics(tmp_path, 0, liveness) as port:
        deadline = time.monotonic() + 60
        while get(port, "/-/healthy")[0] == 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        code, body = get(port, "/-/healthy")
        assert code == 503
        assert "land: it has said nothing for" in body


def test_promtool_finds_nothing_to_object_to(
    tmp_path: Path, require: Callable[[str], None]
) -> None:
    require("promtool")
    tell(tmp_path, restarts=1)
    with serving_metrics(tmp_path, 0) as port:
        _, body = get(port, "/metrics")
    promtool = shutil.which("promtool")
    assert promtool is not None
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=body, capture_output=True, text=True
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_without_a_port_nothing_is_served(tmp_path: Path) -> None:
    with serving_metrics(tmp_path, None) as port:
        assert port is None
