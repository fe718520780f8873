"""One trace window accuses; a second one of the same process must agree."""

from __future__ import annotations

import random

import pytest

from agents_streams import SECOND, T0
from goleakprobe_agents.lifecycles import LifecycleStage
from goleakprobe_agents.stage import Output, Record
from goleakprobe_schemas import (
    ASSESSMENTS,
    LIFECYCLES,
    LifecycleFigures,
    LifecycleTraced,
    SnapshotSource,
    TargetAssessed,
    decode,
    encode,
)
from traced_windows import (
    GROWTH,
    SITE,
    WAKERS_GONE,
    blocked,
    flow,
    leaking_window,
    window,
)


def told(*windows: LifecycleTraced, stage: LifecycleStage | None = None) -> list[TargetAssessed]:
    return [output.event for output in outputs(*windows, stage=stage)]  # type: ignore[misc]


def outputs(*windows: LifecycleTraced, stage: LifecycleStage | None = None) -> list[Output]:
    records = [Record(LIFECYCLES.name, 0, n, one) for n, one in enumerate(windows)]
    return (stage or LifecycleStage()).apply(records)


def figures(assessed: TargetAssessed) -> LifecycleFigures:
    (signature,) = assessed.signatures
    assert signature.lifecycle is not None
    return signature.lifecycle


def test_a_window_becomes_an_assessment_of_its_target() -> None:
    (output,) = outputs(leaking_window(0, go_version="go1.27.3"))
    event = output.event
    assert isinstance(event, TargetAssessed)
    assert output.topic is ASSESSMENTS
    assert output.key == "default/checkout"
    assert output.event_id == event.id == f"{LIFECYCLES.name}-0-0"
    assert event.source is SnapshotSource.TRACE
    assert (event.total, event.go_version) == (40, "go1.27.3")
    (signature,) = event.signatures
    assert (signature.signature, signature.count, signature.wait) == (SITE, 12, "chan send")
    assert signature.creation_site == "main.spawn main.go:5"
    assert decode(ASSESSMENTS, encode(ASSESSMENTS, event)) == event


def test_a_leak_is_believed_from_the_second_window_on() -> None:
    assessed = told(*(leaking_window(second) for second in (0, 60, 180)))
    assert [figures(one).windows for one in assessed] == [1, 2, 3]
    last = figures(assessed[-1])
    assert last.evidence == (GROWTH,)
    assert last.same_ids == 20
    assert last.per_hour == pytest.approx(12 * 3600)
    assert (last.window_seconds, last.born) == (3.0, 12)
    assert last.created - last.exited == 3 * 12


def test_requests_longer_than_a_window_are_not_believed() -> None:
    """Every window sees new ones and none that ends, but always as many."""
    many = [
        window(flow(blocked(range(n, n + 20), earlier=False), evidence=[GROWTH]), at=n)
        for n in range(0, 6000, 600)
    ]
    assert {figures(one).windows for one in told(*many)} == {1}


def test_a_pool_among_long_requests_does_not_vouch_for_them() -> None:
    """Old ids stay, but the number waiting does not rise."""
    pool = flow(blocked(range(1, 21)), creation_site="")
    many = [
        window(pool, flow(blocked(range(n, n + 10), earlier=False), evidence=[GROWTH]), at=n)
        for n in range(600, 3000, 600)
    ]
    assert {figures(one).windows for one in told(*many)} == {1}


def test_goroutines_that_have_moved_on_do_not_agree_though_more_wait() -> None:
    first = window(flow(blocked(range(1, 11), earlier=False), evidence=[GROWTH]), at=0)
    other = window(flow(blocked(range(500, 540), earlier=False), evidence=[GROWTH]), at=60)
    assert [figures(one).windows for one in told(first, other)] == [1, 1]


def test_deserted_goroutines_that_stay_deserted_are_believed() -> None:
    old, new = blocked(range(1, 5)), blocked(range(90, 94), earlier=False, way_out="gone")
    first = window(
        flow(blocked(range(1, 5), earlier=False, way_out="gone"), evidence=[WAKERS_GONE])
    )
    second = window(flow([*old, *new], evidence=[WAKERS_GONE]), at=60)
    assert [figures(one).windows for one in told(first, second)] == [1, 2]


def test_a_pool_that_is_fed_again_is_cleared_of_the_charge_for_good() -> None:
    fed = [
        window(
            flow(blocked(range(1, 9), earlier=False, way_out="gone"), evidence=[WAKERS_GONE]), at=n
        )
        for n in (0, 60, 120)
    ]
    first, *later = told(*fed)
    assert figures(first).evidence == (WAKERS_GONE,)
    assert [figures(one).evidence for one in later] == [(), ()]


def test_evidence_of_another_process_counts_from_one_again() -> None:
    restarted = leaking_window(60, process_start_ns=T0 + 30 * SECOND)
    assessed = told(leaking_window(0), restarted)
    assert [figures(one).windows for one in assessed] == [1, 1]
    assert assessed[1].restarted


def test_what_was_accused_is_followed_until_it_is_gone() -> None:
    quiet = window(flow(blocked(range(1, 11))), at=60)
    gone = window(at=120)
    _, second, third = told(leaking_window(0), quiet, gone)
    assert figures(second).evidence == ()
    assert second.signatures[0].count == 10
    assert third.signatures == ()


def test_a_window_whose_lists_were_cut_acquits_nobody() -> None:
    cut = window(at=60, truncated=True)
    _, second, third = told(leaking_window(0), cut, leaking_window(120))
    assert figures(second).evidence == ()
    assert figures(third).windows == 2


def test_healthy_windows_name_nobody() -> None:
    assessed = told(*(window(flow(blocked(range(1, 9))), at=n) for n in range(5)))
    assert len(assessed) == 5
    assert all(not one.signatures for one in assessed)


def test_windows_seen_before_are_dropped_and_a_clock_set_back_begins_afresh() -> None:
    stage = LifecycleStage()
    assert (
        len(told(leaking_window(600), leaking_window(600), leaking_window(500), stage=stage)) == 1
    )
    (afresh,) = told(leaking_window(0), stage=stage)
    assert figures(afresh).windows == 1


def test_targets_not_traced_for_days_are_forgotten() -> None:
    stage = LifecycleStage()
    told(leaking_window(0, instance="old"), stage=stage)
    assert b"checkout/old" in stage.dump()
    told(leaking_window(3 * 86_400, instance="new"), stage=stage)
    assert b"checkout/old" not in stage.dump()


def test_batches_and_restored_state_do_not_change_the_story() -> None:
    dice = random.Random(5)
    windows = [
        leaking_window(second, rate=dice.randint(3, 20), instance=f"10.0.0.{second % 3}:6060")
        for second in range(0, 3000, 60)
    ]
    log = [Record(LIFECYCLES.name, 0, n, one) for n, one in enumerate(windows)]
    whole = LifecycleStage().apply(log)
    stage, cut, begin = LifecycleStage(), [], 0
    while begin < len(log):
        size = dice.randint(1, 9)
        cut += stage.apply(log[begin : begin + size])
        restored = LifecycleStage()
        restored.load(stage.dump())
        stage, begin = restored, begin + size
    assert cut == whole


def test_bytes_that_are_no_state_are_refused() -> None:
    with pytest.raises(ValueError, match="state"):
        LifecycleStage().load(b"\x00")
