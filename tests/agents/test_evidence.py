"""Each grade rests on its own evidence, and says so in numbers."""

from __future__ import annotations

import pytest

from goleakprobe_agents.evidence import STUCK_SECONDS, judge, strongest
from goleakprobe_schemas import Grade, GrowthFigures, SignatureAssessed


def assessed(**figures: object) -> SignatureAssessed:
    known: dict[str, object] = {
        "signature": "a" * 32,
        "count": 40,
        "wait": "chan send",
        "first_seen_ns": 1,
    }
    return SignatureAssessed(**(known | figures))  # type: ignore[arg-type]


RISING = GrowthFigures(
    score=9.0, threshold=3.0, alarm=True, per_hour=120.0, per_hour_low=100.0, per_hour_high=140.0
)


def test_nothing_special_is_no_evidence() -> None:
    assert judge(assessed()) == ()


def test_two_leak_profiles_are_proof_and_one_is_not() -> None:
    assert judge(assessed(leaked=12, leaked_samples=1)) == ()
    (proof,) = judge(assessed(leaked=12, leaked_samples=2))
    assert proof.grade is Grade.PROVEN
    assert proof.numbers == {"leaked": 12, "samples": 2}
    assert "12 goroutines" in proof.summary


def test_a_rising_floor_is_growth_only_when_it_alarms() -> None:
    quiet = GrowthFigures(score=1.0, threshold=3.0, per_hour=120.0)
    assert judge(assessed(growth=quiet)) == ()
    (growth,) = judge(assessed(growth=RISING))
    assert growth.grade is Grade.GROWING
    assert "120 an hour (100 to 140)" in growth.summary


def test_ids_that_stay_in_a_send_too_long_are_stuck() -> None:
    (still,) = judge(assessed(same_ids=3, oldest_seconds=STUCK_SECONDS))
    assert still.grade is Grade.STUCK
    assert judge(assessed(same_ids=3, oldest_seconds=STUCK_SECONDS - 1)) == ()


def test_a_few_that_are_meant_to_stay_for_ever_are_no_leak_though_nothing_can_wake_them() -> None:
    assert judge(assessed(wait="select (no cases)", leaked=3, leaked_samples=9)) == ()
    (proof,) = judge(assessed(wait="select (no cases)", leaked=40, leaked_samples=2))
    assert proof.grade is Grade.PROVEN


@pytest.mark.parametrize("wait", ["chan receive (nil chan)", "sync.Mutex.Lock"])
def test_one_is_enough_at_a_lock_or_a_nil_channel(wait: str) -> None:
    assert judge(assessed(wait=wait, same_ids=1, oldest_seconds=STUCK_SECONDS))


def test_a_generator_that_nobody_asks_for_its_next_value_is_not_stuck() -> None:
    assert judge(assessed(wait="chan send", same_ids=2, oldest_seconds=1e6)) == ()


@pytest.mark.parametrize(
    "wait",
    [
        "chan receive",
        "select",
        "select (no cases)",
        "IO wait",
        "sync.Cond.Wait",
        "sync.WaitGroup.Wait",
        "sleep",
    ],
)
def test_an_idle_wait_is_never_stuck_however_old(wait: str) -> None:
    assert judge(assessed(wait=wait, same_ids=100, oldest_seconds=1e6)) == ()


def test_the_strongest_grade_leads() -> None:
    reasons = judge(assessed(leaked=5, leaked_samples=3, growth=RISING))
    assert [reason.grade for reason in reasons] == [Grade.PROVEN, Grade.GROWING]
    assert strongest(reasons) is Grade.PROVEN
    assert strongest(()) is None
