"""Traces are short, rare and of processes that can bear them."""

from __future__ import annotations

from collect_targets import job
from goleakprobe.collect.trace_budget import TraceBudget
from goleakprobe_agents.settings import Duration

HOUR = 3600.0


def budget(
    interval: float = 6 * HOUR, least: float = 300, limit: int = 10_000, spread: float = 0.5
) -> TraceBudget:
    settings = job(
        trace_interval=Duration(interval),
        trace_min_interval=Duration(least),
        trace_goroutine_limit=limit,
    )
    return TraceBudget(settings, spread=spread, now=0.0)


def test_the_first_trace_comes_at_the_targets_own_time_and_then_once_an_interval() -> None:
    rule = budget()
    assert not rule.due(3 * HOUR - 1, 100)
    assert rule.due(3 * HOUR, 100)
    rule.taken(3 * HOUR, 100)
    assert not rule.due(9 * HOUR - 1, 100)
    assert rule.due(9 * HOUR, 100)


def test_an_interval_of_zero_means_never_unless_asked() -> None:
    rule = budget(interval=0)
    assert not rule.due(1e9, 100)
    assert not rule.due(1e9, 9000), "not on suspicion either"
    rule.request()
    assert rule.due(1e9, 9000)


def test_goroutines_that_pile_up_bring_a_trace_forward_but_not_again_so_soon() -> None:
    rule = budget()
    assert not rule.due(1, 100)
    assert not rule.due(2, 119), "too few more"
    assert rule.due(3, 121)
    rule.taken(3, 121)
    assert not rule.due(302, 1000)
    assert not rule.due(303, 130), "nothing more piled up"
    assert rule.due(303, 1000)


def test_a_large_process_is_traced_only_when_somebody_asks() -> None:
    rule = budget(limit=1000)
    assert not rule.due(7 * HOUR, 1001)
    rule.request()
    assert rule.due(7 * HOUR, 1_000_000)
    rule.taken(7 * HOUR, 1_000_000)
    assert not rule.due(7 * HOUR + 1, 1_000_000), "once"


def test_a_suspicion_is_looked_at_again_soon_and_then_ever_more_rarely() -> None:
    rule = budget(interval=HOUR, least=300)
    now, gaps = 1800.0, []
    for _ in range(6):
        rule.taken(now, 100)
        rule.suspects_seen(now, any_=True)
        later = next(now + wait for wait in range(1, 7200) if rule.due(now + wait, 100))
        gaps.append(later - now)
        now = later
    assert gaps == [300, 600, 1200, 2400, 3600, 3600]
    rule.taken(now, 100)
    rule.suspects_seen(now, any_=False)
    assert not rule.due(now + HOUR - 1, 100)
    rule.taken(now + HOUR, 100)
    rule.suspects_seen(now + HOUR, any_=True)
    assert rule.due(now + HOUR + 300, 100), "a new suspicion is looked at soon again"


def test_a_restart_makes_another_number_of_goroutines_usual() -> None:
    rule = budget()
    rule.due(1, 10)
    rule.process_restarted()
    assert not rule.due(2, 1000)
