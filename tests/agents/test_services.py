"""Stage two sees a service as a whole: statistics over instances, findings over instances."""

from __future__ import annotations

import random

import msgspec
import pytest

from agents_streams import LEAK, POOL, SECOND, T0, records, snapshot
from goleakprobe_agents.assessing import AssessingStage
from goleakprobe_agents.services import ServiceStage
from goleakprobe_agents.settings import DetectionSettings
from goleakprobe_agents.stage import Output, Record
from goleakprobe_schemas import (
    ASSESSMENTS,
    FINDINGS,
    STATISTICS,
    FindingState,
    Grade,
    LeakFound,
    SnapshotCollected,
    SnapshotSource,
    StatisticsComputed,
    Topic,
)

SETTINGS = DetectionSettings()


def assessed(events: list[SnapshotCollected]) -> list[Record]:
    outputs = AssessingStage(SETTINGS).apply(records(events))
    return [Record(ASSESSMENTS.name, 0, n, output.event) for n, output in enumerate(outputs)]


def of(topic: Topic, outputs: list[Output]) -> list[Output]:
    return [output for output in outputs if output.topic is topic]


def findings(outputs: list[Output]) -> list[LeakFound]:
    return [output.event for output in of(FINDINGS, outputs)]  # type: ignore[misc]


def statistics(outputs: list[Output]) -> list[StatisticsComputed]:
    return [output.event for output in of(STATISTICS, outputs)]  # type: ignore[misc]


def leaking(seconds: int, instances: int = 1, rate: int = 3) -> list[SnapshotCollected]:
    return [
        snapshot({LEAK: 5 + rate * n, POOL: 16}, at=n + i / 100, instance=f"10.0.0.{i}:6060")
        for n in range(seconds)
        for i in range(instances)
    ]


def test_a_leak_becomes_one_finding_with_all_that_is_known() -> None:
    outputs = ServiceStage(SETTINGS).apply(assessed(leaking(160)))
    first = findings(outputs)[0]
    assert (first.state, first.grade, first.signature) == (
        FindingState.FIRING,
        Grade.GROWING,
        LEAK,
    )
    assert first.growth_per_hour == pytest.approx(3 * 3600, rel=0.1)
    assert first.growth_per_hour_low <= 3 * 3600 <= first.growth_per_hour_high
    assert first.blocking_site == "main.f1 main.go:1"
    assert (first.instances, first.instances_affected) == (("10.0.0.0:6060",), 1)
    assert first.first_seen_ns == T0
    assert first.clears_when
    assert {f.signature for f in findings(outputs)} == {LEAK}
    assert of(FINDINGS, outputs)[0].key == f"default/checkout/{LEAK}"


def test_one_bad_stack_on_many_instances_is_one_finding() -> None:
    outputs = ServiceStage(SETTINGS).apply(assessed(leaking(170, instances=5)))
    last = findings(outputs)[-1]
    assert {f.signature for f in findings(outputs)} == {LEAK}
    assert (last.instances_affected, last.instances_total) == (5, 5)
    assert last.growth_per_hour == pytest.approx(5 * 3 * 3600, rel=0.1)


def test_a_healthy_service_has_statistics_and_no_finding() -> None:
    dice = random.Random(3)
    events = [snapshot({POOL: 16, LEAK: 20 + dice.randint(0, 30)}, at=15 * n) for n in range(960)]
    outputs = ServiceStage(SETTINGS).apply(assessed(events))
    assert len(statistics(outputs)) == 960
    assert findings(outputs) == []


def test_statistics_add_up_over_instances_and_scaling_out_is_no_rise() -> None:
    events = leaking(1, instances=1) + [
        snapshot({POOL: 21}, at=1 + i / 100, instance=f"10.0.0.{i}:6060") for i in range(50)
    ]
    outputs = statistics(ServiceStage(SETTINGS).apply(assessed(events)))
    assert (outputs[-1].instances, outputs[-1].goroutines) == (50, 50 * 21)
    assert outputs[-1].dual_window.value == pytest.approx(21)
    assert not any(event.dual_window.alarm for event in outputs)


def test_proof_outranks_growth() -> None:
    events = []
    for n in range(160):
        events.append(snapshot({LEAK: 5 + 3 * n}, at=n))
        if n in (150, 155):
            events.append(snapshot({LEAK: 4 + 3 * n}, at=n + 0.5, source=SnapshotSource.LEAK))
    last = findings(ServiceStage(SETTINGS).apply(assessed(events)))[-1]
    assert last.grade is Grade.PROVEN
    assert [reason.detector for reason in last.evidence] == ["leak_profile", "fast_rise"]


def test_a_finding_resolves_after_its_instance_was_restarted_and_stays_clean() -> None:
    fixed = [
        snapshot({POOL: 16}, at=160 + 15 * n, instance="10.0.0.0:6060", start_ns=T0 + 100 * SECOND)
        for n in range(60)
    ]
    outputs = ServiceStage(SETTINGS).apply(assessed(leaking(160) + fixed))
    states = [finding.state for finding in findings(outputs)]
    assert states[0] is FindingState.FIRING
    assert states[-1] is FindingState.RESOLVED
    assert states.count(FindingState.RESOLVED) == 1
    assert findings(outputs)[-1].resolved_ns is not None


def test_batches_and_restored_state_do_not_change_the_story() -> None:
    log = assessed(leaking(160, instances=2))
    whole = ServiceStage(SETTINGS).apply(log)
    dice = random.Random(11)
    stage, cut, begin = ServiceStage(SETTINGS), [], 0
    while begin < len(log):
        size = dice.randint(1, 40)
        cut += stage.apply(log[begin : begin + size])
        restored = ServiceStage(SETTINGS)
        restored.load(stage.dump())
        stage, begin = restored, begin + size
    assert cut == whole


def test_a_new_log_is_told_what_fires_though_nothing_moves() -> None:
    """The embedded broker died with what it held: its successor's readers know nothing."""
    stands = [snapshot({LEAK: 482, POOL: 16}, at=160 + n) for n in range(300)]
    log = assessed(leaking(160) + stands)
    before = ServiceStage(SETTINGS)
    told = findings(before.apply(log[:300]))
    assert told[-1].state is FindingState.FIRING
    going_on, on_a_new_log = ServiceStage(SETTINGS), ServiceStage(SETTINGS)
    for stage in (going_on, on_a_new_log):
        stage.load(before.dump())
    assert findings(going_on.apply(log[300:])) == []
    anew = [msgspec.structs.replace(record, offset=n) for n, record in enumerate(log[300:])]
    (again,) = findings(on_a_new_log.apply(anew))
    assert (again.state, again.signature) == (FindingState.FIRING, LEAK)
    assert again.fired_ns == told[0].fired_ns


def test_every_output_has_an_id_of_its_own() -> None:
    outputs = ServiceStage(SETTINGS).apply(assessed(leaking(160, instances=2)))
    keys = [(output.topic.name, output.event_id) for output in outputs]
    assert len(set(keys)) == len(keys)


def test_bytes_that_are_no_state_are_refused() -> None:
    with pytest.raises(ValueError, match="state"):
        ServiceStage(SETTINGS).load(b"\x00")
