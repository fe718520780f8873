"""Heavy scrapes are rare, and a large process is never stopped for a dump unasked."""

from __future__ import annotations

from collect_targets import job
from goleakprobe.collect.budget import ScrapeBudget
from goleakprobe.collect.capabilities import Capabilities, Offer
from goleakprobe_agents.settings import Duration
from goleakprobe_schemas import SnapshotSource

LEAK, DUMP = SnapshotSource.LEAK, SnapshotSource.DEBUG2


def offering(offer: Offer = Offer.OFFERED) -> Capabilities:
    capabilities = Capabilities()
    capabilities.leak_profile = offer
    return capabilities


def budget(
    leak: float = 0, leak_min: float = 60, dump: float = 0, limit: int = 1000, spread: float = 0.5
) -> ScrapeBudget:
    settings = job(
        leak_profile_interval=Duration(leak),
        leak_profile_min_interval=Duration(leak_min),
        debug2_interval=Duration(dump),
        debug2_goroutine_limit=limit,
    )
    return ScrapeBudget(settings, spread=spread, now=0.0)


def test_the_leak_profile_comes_once_an_interval_and_first_at_the_targets_own_time() -> None:
    rule = budget(leak=3600)
    assert rule.heavy_due(1799, 10, offering()) is None
    assert rule.heavy_due(1800, 10, offering()) is LEAK
    rule.taken(LEAK, 1800, 10)
    assert rule.heavy_due(5399, 10, offering()) is None
    assert rule.heavy_due(5400, 10, offering()) is LEAK


def test_no_leak_profile_of_a_process_without_one() -> None:
    rule = budget(leak=10)
    assert rule.heavy_due(1e6, 10, offering(Offer.ABSENT)) is None
    assert rule.heavy_due(1e6, 10, offering(Offer.UNKNOWN)) is None


def test_an_interval_of_zero_means_never() -> None:
    rule = budget(leak=0, dump=0)
    assert rule.heavy_due(0, 10, offering()) is None
    assert rule.heavy_due(1e6, 1000, offering()) is None


def test_goroutines_that_pile_up_bring_the_leak_profile_forward() -> None:
    rule = budget(leak=3600)
    assert rule.heavy_due(1, 100, offering()) is None
    assert rule.heavy_due(2, 119, offering()) is None, "too few more"
    assert rule.heavy_due(3, 121, offering()) is LEAK
    rule.taken(LEAK, 3, 121)
    assert rule.heavy_due(4, 1000, offering()) is None, "not again so soon"
    assert rule.heavy_due(63, 121, offering()) is None, "nothing more piled up"
    assert rule.heavy_due(63, 1000, offering()) is LEAK


def test_a_large_process_needs_to_grow_by_more_than_a_few() -> None:
    rule = budget(leak=3600)
    rule.heavy_due(1, 10_000, offering())
    assert rule.heavy_due(2, 11_999, offering()) is None
    assert rule.heavy_due(3, 12_001, offering()) is LEAK


def test_the_first_leaks_and_the_first_none_are_checked_soon() -> None:
    rule = budget(leak=3600, leak_min=60)
    rule.taken(LEAK, 1800, 10)
    rule.leaks_reported(4, 1800)
    assert rule.heavy_due(1859, 10, offering()) is None
    assert rule.heavy_due(1860, 10, offering()) is LEAK
    rule.taken(LEAK, 1860, 10)
    rule.leaks_reported(4, 1860)
    assert rule.heavy_due(5459, 10, offering()) is None, "confirmed: back to the interval"
    rule.taken(LEAK, 5460, 10)
    rule.leaks_reported(0, 5460)
    assert rule.heavy_due(5520, 10, offering()) is LEAK


def test_a_restart_makes_another_number_of_goroutines_usual() -> None:
    rule = budget(leak=3600)
    rule.heavy_due(1, 10, offering())
    rule.process_restarted()
    assert rule.heavy_due(2, 1000, offering()) is None


def test_a_dump_is_taken_of_small_processes_only() -> None:
    rule = budget(dump=600, limit=1000)
    assert rule.heavy_due(299, 1000, offering()) is None
    assert rule.heavy_due(300, 1001, offering()) is None
    assert rule.heavy_due(301, 1000, offering()) is DUMP
    rule.taken(DUMP, 301, 1000)
    assert rule.heavy_due(900, 10, offering()) is None
    assert rule.heavy_due(901, 10, offering()) is DUMP


def test_goroutines_that_pile_up_bring_the_dump_forward() -> None:
    rule = budget(dump=600, limit=1000)
    assert rule.heavy_due(1, 100, offering()) is None
    assert rule.heavy_due(2, 130, offering()) is DUMP
    rule.taken(DUMP, 2, 130)
    assert rule.heavy_due(3, 900, offering()) is None, "not again so soon"
    assert rule.heavy_due(62, 150, offering()) is None, "too few more"
    assert rule.heavy_due(63, 160, offering()) is DUMP
    assert rule.heavy_due(63, 1001, offering()) is None, "too many to stop the world for"
    assert budget().heavy_due(63, 1000, offering()) is None, "an interval of zero means never"


def test_a_dump_asked_for_is_taken_of_any_process_once() -> None:
    rule = budget()
    rule.request_dump()
    assert rule.heavy_due(1, 100_000, offering()) is DUMP
    rule.taken(DUMP, 1, 100_000)
    assert rule.heavy_due(2, 100_000, offering()) is None


def test_a_visit_has_room_for_one_heavy_scrape() -> None:
    rule = budget(leak=600, dump=600)
    assert rule.heavy_due(1000, 10, offering()) is LEAK
    rule.taken(LEAK, 1000, 10)
    assert rule.heavy_due(1000, 10, offering()) is DUMP
