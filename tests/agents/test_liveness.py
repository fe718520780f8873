"""When the stream as a whole no longer lives, and what is no reason to say so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from goleakprobe_agents.liveness import Liveness
from goleakprobe_agents.status import (
    PartitionStatus,
    RoleStatus,
    SupervisedRole,
    SupervisorStatus,
    WorkerStatus,
    role_status_path,
    supervisor_status_path,
    write_status,
)

if TYPE_CHECKING:
    from pathlib import Path


def status(
    beat: int = 1,
    *,
    supervisor_beat: int | None = None,
    pid: int | None = 7,
    waiting_for: str = "",
    next_offset: int = 5,
    state: str = "running",
) -> WorkerStatus:
    role = RoleStatus(
        role="land",
        pid=7,
        state="assigned",
        beat=beat,
        waiting_for=waiting_for,
        partitions={"a-0": PartitionStatus(next_offset=next_offset, log_end=9)},
    )
    return WorkerStatus(
        supervisor=SupervisorStatus(
            pid=1,
            state=state,
            beat=beat if supervisor_beat is None else supervisor_beat,
            roles={"land": SupervisedRole(pid=pid)},
        ),
        roles={"land": role},
    )


@pytest.fixture
def liveness(tmp_path: Path) -> Liveness:
    return Liveness(tmp_path, silence_seconds=20)


def test_what_beats_and_moves_lives(liveness: Liveness) -> None:
    for second in range(300):
        assert liveness.look(status(second, next_offset=second), float(second)) == ()


def test_a_worker_that_beats_no_more_is_named(liveness: Liveness) -> None:
    assert liveness.look(status(1, supervisor_beat=1), 0.0) == ()
    assert liveness.look(status(1, supervisor_beat=2), 21.0) == (
        "land: it has said nothing for 21 s",
    )


def test_a_worker_that_stands_still_with_messages_waiting_is_named(liveness: Liveness) -> None:
    liveness.look(status(1), 0.0)
    (reason,) = liveness.look(status(2), 46.0)
    assert reason == "land: a-0 stands at 5 with 4 messages waiting"


def test_a_supervisor_that_beats_no_more_is_named(liveness: Liveness) -> None:
    liveness.look(status(1, supervisor_beat=1, next_offset=1), 0.0)
    (reason,) = liveness.look(status(2, supervisor_beat=1, next_offset=2), 21.0)
    assert reason == "the supervisor has said nothing for 21 s"


def test_waiting_for_a_dependency_is_no_reason_to_start_everything_again(
    liveness: Liveness,
) -> None:
    for second in range(0, 600, 10):
        assert liveness.look(status(second, waiting_for="lake: disk full"), float(second)) == ()


def test_nor_is_the_time_between_two_lives_of_a_worker(liveness: Liveness) -> None:
    for second in range(0, 100, 10):
        lifeless = status(1, supervisor_beat=second, pid=None)
        assert liveness.look(lifeless, float(second)) == ()


def test_nor_is_a_stream_that_stops_or_was_never_there(liveness: Liveness) -> None:
    for now in (0.0, 100.0):
        assert liveness.look(status(1, state="stopping"), now) == ()
        assert liveness.look(WorkerStatus(), now) == ()


def test_a_new_life_is_judged_anew(liveness: Liveness) -> None:
    liveness.look(status(1, supervisor_beat=1), 0.0)
    # Process 8 was forked, and process 7's last words still stand in the file.
    assert liveness.look(status(1, supervisor_beat=2, pid=8), 21.0) == ()
    assert liveness.look(status(1, supervisor_beat=3, pid=8), 150.0) == (
        "land: it was given no partitions in time",
    )


def test_it_watches_a_folder_by_itself(tmp_path: Path) -> None:
    told = status()
    assert told.supervisor is not None
    write_status(role_status_path(tmp_path, "land"), told.roles["land"])
    write_status(supervisor_status_path(tmp_path), told.supervisor)
    liveness = Liveness(tmp_path, silence_seconds=0.1)
    liveness.start()
    try:
        deadline = time.monotonic() + 60
        while not liveness.reasons:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert any("land" in reason for reason in liveness.reasons)
    finally:
        liveness.stop()
