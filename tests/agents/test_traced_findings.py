"""Evidence from traces becomes findings, stands until a later trace takes it back, and clears."""

from __future__ import annotations

import msgspec
import pytest

from agents_streams import LEAK, POOL, SECOND, T0, records, snapshot
from goleakprobe_agents.assessing import AssessingStage
from goleakprobe_agents.evidence import judge
from goleakprobe_agents.lifecycles import LifecycleStage
from goleakprobe_agents.services import ServiceStage
from goleakprobe_agents.settings import DetectionSettings
from goleakprobe_agents.stage import Output, Record
from goleakprobe_schemas import (
    ASSESSMENTS,
    FINDINGS,
    LIFECYCLES,
    STATISTICS,
    FindingState,
    Grade,
    LeakFound,
    LifecycleFigures,
    LifecycleTraced,
    SignatureAssessed,
    SnapshotCollected,
)
from traced_windows import GROWTH, SITE, WAKERS_GONE, blocked, flow, leaking_window, window

SETTINGS = DetectionSettings()
# As in the traced windows, so that both speak of one process.
STARTED = T0 - 3600 * SECOND


def quiet(at: float, counts: dict[str, int] | None = None, **changes: object) -> SnapshotCollected:
    return snapshot(
        counts or {POOL: 16}, at=at, instance="10.0.0.0:6060", start_ns=STARTED, **changes
    )


def judged(*events: LifecycleTraced | SnapshotCollected) -> list[Output]:
    """Both kinds of scrapes through their first stage, in order of time, and into the second."""
    counted = [event for event in events if isinstance(event, SnapshotCollected)]
    traced = [event for event in events if isinstance(event, LifecycleTraced)]
    outputs = [
        *AssessingStage(SETTINGS).apply(records(counted)),
        *LifecycleStage().apply(
            [Record(LIFECYCLES.name, 0, n, event) for n, event in enumerate(traced)]
        ),
    ]
    outputs.sort(key=lambda output: output.time_ns)
    log = [Record(ASSESSMENTS.name, 0, n, output.event) for n, output in enumerate(outputs)]
    return ServiceStage(SETTINGS).apply(log)


def findings(outputs: list[Output]) -> list[LeakFound]:
    return [output.event for output in outputs if output.topic is FINDINGS]  # type: ignore[misc]


def test_two_traces_that_agree_make_a_finding_without_any_snapshot_naming_the_stack() -> None:
    events = [quiet(n) for n in range(0, 400, 15)]
    events += [leaking_window(second) for second in (31, 331)]
    (first, *_) = found = findings(judged(*events))
    assert {one.signature for one in found} == {SITE}
    assert (first.state, first.grade) == (FindingState.FIRING, Grade.GROWING)
    assert first.time_ns == T0 + 331 * SECOND
    assert first.count == 332 * 12
    assert first.growth_per_hour == pytest.approx(12 * 3600)
    assert first.blocking_site == "main.work main.go:9"
    (reason,) = first.evidence
    assert reason.detector == "trace_growth"
    assert reason.summary.endswith("in 2 traces of this process, 20 goroutines seen again by id")
    assert reason.numbers["windows"] == 2
    assert first.instances_total == 1


def test_one_trace_is_not_enough() -> None:
    assert findings(judged(*[quiet(n) for n in range(0, 900, 15)], leaking_window(31))) == []


def test_desertion_seen_twice_is_stuck() -> None:
    first = window(
        flow(blocked(range(1, 5), earlier=False, way_out="gone"), evidence=[WAKERS_GONE]), at=1
    )
    more = [
        *blocked(range(1, 5)),
        *blocked(range(90, 94), earlier=False, way_out="gone"),
    ]
    second = window(flow(more, evidence=[WAKERS_GONE]), at=301)
    (found,) = findings(judged(first, second))
    assert (found.grade, found.count) == (Grade.STUCK, 8)
    assert [reason.detector for reason in found.evidence] == ["trace_wakers_gone"]


def test_traces_are_no_rise_of_the_services_series() -> None:
    outputs = judged(*[quiet(n) for n in range(0, 60, 15)], leaking_window(31))
    assert sum(output.topic is STATISTICS for output in outputs) == 4


def test_a_finding_outlives_the_traces_between_scrapes_and_ends_when_a_trace_clears_it() -> None:
    hours = [quiet(n) for n in range(0, 4 * 3600, 60)]
    traces = [leaking_window(31), leaking_window(331)]
    still = findings(judged(*hours, *traces))
    assert [one.state for one in still] == [FindingState.FIRING]
    cleared = findings(judged(*hours, *traces, window(at=3631)))
    assert [one.state for one in cleared] == [FindingState.FIRING, FindingState.RESOLVED]
    assert cleared[-1].time_ns >= T0 + (3600 + 600) * SECOND


def test_a_finding_ends_with_its_process() -> None:
    traces = [leaking_window(31), leaking_window(331)]
    before = [quiet(n) for n in range(0, 400, 15)]
    after = [
        snapshot({POOL: 16}, at=n, instance="10.0.0.0:6060", start_ns=T0 + 400 * SECOND)
        for n in range(405, 2000, 15)
    ]
    found = findings(judged(*before, *traces, *after))
    assert [one.state for one in found] == [FindingState.FIRING, FindingState.RESOLVED]


def test_evidence_without_a_later_trace_does_not_stand_for_ever() -> None:
    days = [quiet(n) for n in range(0, 14 * 3600, 300)]
    found = findings(judged(*days, leaking_window(31), leaking_window(331)))
    assert [one.state for one in found] == [FindingState.FIRING, FindingState.RESOLVED]
    assert found[-1].resolved_ns is not None
    assert found[-1].resolved_ns > T0 + 12 * 3600 * SECOND


def test_a_trace_adds_its_reason_to_what_scrapes_found() -> None:
    scrapes = [quiet(n, {LEAK: 5 + 3 * n, POOL: 16}) for n in range(170)]
    seen = flow(blocked(range(1, 11), earlier=False), evidence=[GROWTH], signature=LEAK)
    last = findings(judged(*scrapes, window(seen, at=100.5)))[-1]
    assert last.signature == LEAK
    assert [reason.detector for reason in last.evidence] == ["fast_rise", "trace_growth"]
    assert last.count > 300, "scrapes count, a trace does not"
    assert last.evidence[1].summary.endswith("in one trace")


def test_a_trace_that_sees_less_takes_nothing_from_what_scrapes_found() -> None:
    scrapes = [quiet(n, {LEAK: 5 + 3 * n, POOL: 16}) for n in range(300)]
    seen = flow(blocked(range(1, 11), earlier=False), evidence=[GROWTH], signature=LEAK)
    without = findings(judged(*scrapes))[-1]
    last = findings(judged(*scrapes, window(seen, at=100.5), window(at=150.5)))[-1]
    assert [r.detector for r in last.evidence] == [r.detector for r in without.evidence]
    assert last.count == without.count


def test_figures_without_evidence_are_no_reason() -> None:
    assessed = SignatureAssessed(signature=SITE, count=9, first_seen_ns=T0)
    assert judge(assessed) == ()
    figured = msgspec.structs.replace(assessed, lifecycle=LifecycleFigures(windows=4))
    assert judge(figured) == ()
