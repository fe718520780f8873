"""A worker that stands still is ended; one that waits for a reason is not."""

from __future__ import annotations

from goleakprobe_agents.status import PartitionStatus, RoleStatus
from goleakprobe_agents.watchdog import RestartDelay, Watchdog


def a_status(beat: int, *, at: int = 5, end: int = 5, **changes: object) -> RoleStatus:
    fields: dict[str, object] = {"role": "land", "pid": 1, "state": "assigned", "beat": beat}
    status = RoleStatus(**(fields | changes))  # type: ignore[arg-type]
    status.partitions = {"t-0": PartitionStatus(next_offset=at, log_end=end)}
    return status


def a_watchdog() -> Watchdog:
    return Watchdog(0.0, start_seconds=60, silence_seconds=10, stall_seconds=30)


def test_one_that_moves_lives() -> None:
    watchdog = a_watchdog()
    for second in range(0, 300, 5):
        assert watchdog.judge(a_status(second, at=second, end=1000), second) is None


def test_one_that_has_nothing_to_do_lives() -> None:
    watchdog = a_watchdog()
    for second in range(0, 300, 5):
        assert watchdog.judge(a_status(second), second) is None


def test_one_that_never_gets_its_partitions_is_ended() -> None:
    watchdog = a_watchdog()
    assert watchdog.judge(None, 59) is None
    assert watchdog.judge(a_status(1, state="starting"), 59) is None
    assert watchdog.judge(a_status(2, state="starting"), 61) == "it was given no partitions in time"
    assert a_watchdog().judge(None, 61) is not None


def test_one_that_falls_silent_is_ended() -> None:
    watchdog = a_watchdog()
    assert watchdog.judge(a_status(7), 0) is None
    assert watchdog.judge(a_status(7), 10) is None
    assert watchdog.judge(a_status(7), 11) == "it has said nothing for 11 s"


def test_one_whose_partition_stands_while_messages_wait_is_ended() -> None:
    watchdog = a_watchdog()
    reasons = [watchdog.judge(a_status(s, at=5, end=9), s) for s in range(0, 40, 5)]
    assert reasons[:-1] == [None] * 7
    assert reasons[-1] == "t-0 stands at 5 with 4 messages waiting"


def test_one_that_waits_for_its_lake_lives_and_gets_its_time_back() -> None:
    watchdog = a_watchdog()
    for second in range(0, 300, 5):
        status = a_status(second, end=9, waiting_for="lake: No space left on device")
        assert watchdog.judge(status, second) is None
    assert watchdog.judge(a_status(301, end=9), 301) is None
    assert watchdog.judge(a_status(330, end=9), 330) is None
    assert watchdog.judge(a_status(340, end=9), 340) is not None


def test_one_that_is_stopping_is_left_to_it() -> None:
    watchdog = a_watchdog()
    for second in range(0, 100, 5):
        assert watchdog.judge(a_status(second, end=9, state="stopping"), second) is None


def test_restarts_wait_longer_and_longer_until_one_lives_well() -> None:
    delay = RestartDelay()
    waits = [delay.after(1.0) for _ in range(10)]
    assert waits[0] < 1
    assert waits == sorted(waits)
    assert waits[-1] == 30.0
    assert delay.after(3600.0) == waits[0]


def test_one_that_can_only_touch_its_status_lives_and_gets_its_time_back() -> None:
    """Its disk is full: what it last wrote is old and says nothing of its progress."""
    watchdog = a_watchdog()
    for second in range(0, 300, 5):
        assert watchdog.judge(a_status(7, end=9), second, touched_ns=second) is None
    assert watchdog.judge(a_status(8, end=9), 301, touched_ns=301) is None
    assert watchdog.judge(a_status(9, end=9), 330, touched_ns=330) is not None


def test_one_that_neither_writes_nor_touches_is_ended() -> None:
    watchdog = a_watchdog()
    assert watchdog.judge(a_status(7), 0, touched_ns=5) is None
    assert watchdog.judge(a_status(7), 11, touched_ns=5) == "it has said nothing for 11 s"
