"""Evidence speaks up for leaks, and each guard keeps it silent where nothing leaks."""

from __future__ import annotations

import msgspec
import pytest

from goleakprobe.trace.evidence import Thresholds, find_suspects
from goleakprobe.trace.window import Flow, StateSeries, TraceWindow, WaitCycle
from goleakprobe_schemas import Grade

LEAK = Flow(
    creation_site="main.spawn main.go:5",
    start="main.work",
    runtime=False,
    wait="chan send",
    blocking_site="main.work main.go:9",
    signature="0" * 32,
    completed=0,
    completed_seconds=0.0,
    longest_seconds=0.0,
    last_wake_seconds_ago=None,
    created=30,
    exited=0,
    net_thirds=(10, 10, 10),
    open=30,
    open_earlier=0,
    open_born=30,
    born_thirds=(10, 10, 10),
    open_seconds_median=2.0,
    open_seconds_max=4.0,
    never_woken=30,
    waker_gone=0,
    no_way_out=0,
    wakers_alive=0,
)


def window(*flows: Flow, cycles: tuple[WaitCycle, ...] = ()) -> TraceWindow:
    return TraceWindow(
        format_version="1.26", start_ns=0, end_ns=4 * 10**9, wall_start_ns=None, events=0,
        generations=4, read_bytes=0, lost_bytes=0, damages=(), alive=30, states={},
        series=StateSeries(step_seconds=1, counts={}), creation_sites=(), blocking_sites=(),
        flows=flows, transitions=(), unblock_edges=(), blocked=(), cycles=cycles, truncated=False,
    )  # fmt: skip


def detectors(flow: Flow, **more: object) -> list[str]:
    found = find_suspects(window(flow, **more))
    return [one.detector for suspect in found for one in suspect.evidence]


def changed(**changes: object) -> Flow:
    return msgspec.structs.replace(LEAK, **changes)


def test_steady_growth_is_evidence_with_its_numbers():
    [suspect] = find_suspects(window(LEAK))
    [evidence] = suspect.evidence
    assert evidence.grade == Grade.GROWING
    assert suspect.leaked_per_second == 7.5
    assert evidence.numbers["net_per_second"] == 7.5
    assert "30 goroutines" in evidence.summary


@pytest.mark.parametrize(
    "harmless",
    [
        {"runtime": True},
        {"open": 0, "open_born": 0, "born_thirds": (0, 0, 0)},
        {"open_born": 0, "born_thirds": (0, 0, 0), "open_earlier": 30, "net_thirds": (0, 0, 0)},
        {"open_born": 2, "born_thirds": (1, 0, 1)},
        {"born_thirds": (30, 0, 0), "net_thirds": (30, 0, 0)},
        {"born_thirds": (0, 0, 30)},
        {"born_thirds": (28, 1, 1)},
        {"net_thirds": (10, 10, -1)},
        {"open_seconds_median": 0.01, "exited": 3},
        {"last_wake_seconds_ago": 0.1, "longest_seconds": 1.0, "completed": 5000, "exited": 3},
    ],
    ids=[
        "the runtime's own",
        "nobody waits",
        "a pool from before the window",
        "too few",
        "a pool filled at the start",
        "work in flight at the end",
        "a few late ones beside a pool",
        "departures keep up",
        "waits too young",
        "waits no longer than others here",
    ],
)
def test_what_is_harmless_is_not_suspected(harmless):
    assert detectors(changed(**harmless)) == []


@pytest.mark.parametrize(
    "awake",
    [
        {"open_seconds_median": 0.01},
        {"last_wake_seconds_ago": 0.1, "longest_seconds": 1.0, "completed": 5000},
    ],
    ids=["waits too young", "waits no longer than others here"],
)
def test_goroutines_that_gather_while_they_are_woken_are_anomalous_at_most(awake):
    gathering = changed(**awake)
    assert detectors(gathering) == ["trace_gathering"]
    other = changed(blocking_site="main.other main.go:7", open_born=6, born_thirds=(2, 2, 2))
    suspects = find_suspects(window(gathering, other))
    assert [one.grade for one in suspects] == [Grade.GROWING, Grade.ANOMALOUS]


def test_waits_that_outlast_the_completed_ones_are_told_apart():
    flow = changed(completed=1400, longest_seconds=0.001, last_wake_seconds_ago=0.0)
    assert detectors(flow) == ["trace_growth", "trace_outlasting"]


def test_waiters_whose_wakers_are_gone_are_evidence_without_growth():
    gone = {"waker_gone": 9, "no_way_out": 9, "never_woken": 0, "open": 9, "net_thirds": (9, 0, 0)}
    flow = changed(born_thirds=(9, 0, 0), open_born=9, **gone)
    assert detectors(flow) == ["trace_wakers_gone"]
    assert detectors(msgspec.structs.replace(flow, wakers_alive=1)) == []
    assert detectors(msgspec.structs.replace(flow, open_seconds_max=0.3)) == []
    idle = "net/http.(*persistConn).readLoop transport.go:2"
    assert detectors(msgspec.structs.replace(flow, blocking_site=idle)) == []


def test_a_wait_cycle_is_evidence():
    cycle = WaitCycle(size=2, goroutines=(4, 5), sites=(LEAK.blocking_site,))
    flow = changed(
        no_way_out=2, open=2, open_born=2, born_thirds=(2, 0, 0), never_woken=0, wakers_alive=2
    )
    assert detectors(flow, cycles=(cycle,)) == ["trace_wait_cycle"]
    assert detectors(flow) == []


def test_thresholds_are_the_callers():
    few = changed(open_born=3, born_thirds=(1, 1, 1))
    assert find_suspects(window(few))
    assert not find_suspects(window(few), Thresholds(fewest=4))


def test_the_worst_comes_first():
    more = changed(open_born=60, blocking_site="main.other main.go:7")
    assert [one.leaked for one in find_suspects(window(LEAK, more))] == [60, 30]
