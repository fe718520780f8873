"""Fast leaks are told at any distance of scrapes, and what only looks like one is not."""

from __future__ import annotations

import numpy as np
import pytest

from goleakprobe_agents.detection.fast_rise import FastRise

SECOND = 10**9
BEGIN = 1_700_000_000


def alarms(counts, seconds, *, starts=None, unbroken=False):
    """Times of the samples that alarmed."""
    bank = FastRise(unbroken=unbroken)
    bank.resize(1)
    at, loud = np.array([0]), []
    for count, second in zip(counts, seconds, strict=True):
        verdict = bank.update(
            at,
            np.array([round((BEGIN + second) * SECOND)]),
            np.array([float(count)]),
            process_start_ns=None if starts is None else np.array([starts]),
        )
        if verdict.alarm[0]:
            loud.append(float(second))
    return loud


def leaking(per_second, step, *, calm=None, length=None, seed=1):
    """Counts of a calm place that begins to leak, and their times."""
    calm = max(600, 6 * step) if calm is None else calm
    length = max(300, 12 * step) if length is None else length
    rng = np.random.default_rng(seed)
    seconds = np.arange(0, calm + length, step) + rng.uniform(-0.02, 0.02) * step
    moments = np.sort(rng.uniform(calm, calm + length, rng.poisson(per_second * length)))
    return 7 + np.searchsorted(moments, seconds), seconds


@pytest.mark.parametrize("per_second", [1.2, 3, 30])
@pytest.mark.parametrize("step", [1, 5, 10, 15, 30, 60, 300])
def test_a_fast_leak_is_told_after_two_minutes_or_five_scrapes(per_second, step):
    calm = max(600, 6 * step)
    loud = alarms(*leaking(per_second, step))
    assert loud
    assert calm < loud[0] <= calm + max(150, 6 * step)


@pytest.mark.parametrize("step", [5, 15, 30, 60])
def test_thirty_a_minute_are_told_in_live_processes_within_ten_minutes(step):
    loud = alarms(*leaking(0.5, step, calm=300, length=900), unbroken=True)
    assert loud
    assert loud[0] <= 300 + 600


@pytest.mark.parametrize("step", [5, 15, 30, 60, 300])
def test_requests_pools_and_bursts_are_not_fast_leaks(step):
    seconds = np.arange(0, max(3600, 20 * step), step)
    rng = np.random.default_rng(2)
    stories = {
        "steady": np.full(len(seconds), 300),
        "requests": rng.poisson(400, len(seconds)),
        "pool": np.floor(300 * (1 - np.exp(-seconds / 60))),
        "burst": rng.poisson(40 + 2000 * ((seconds > 1500) & (seconds < 2500))),
        "step": np.where(seconds > 2000, 600, 5),
        "slow": seconds // 30,
    }
    assert not [name for name, counts in stories.items() if alarms(counts, seconds)]


def test_a_series_that_begins_in_a_rise_may_be_a_warm_up_unless_it_is_a_flood():
    counts, seconds = leaking(1.5, 15, calm=0, length=600)
    assert not alarms(counts, seconds)
    assert alarms(counts, seconds, starts=(BEGIN - 5) * SECOND)
    assert alarms(counts, seconds, unbroken=True)
    flood = alarms(*leaking(6, 15, calm=0, length=300))
    assert flood
    assert flood[0] <= 150


@pytest.mark.parametrize("ahead", [20, 3600, 10**8])
def test_a_target_whose_clock_is_ahead_is_judged_like_any_other(ahead):
    counts, seconds = leaking(2, 15)
    assert alarms(counts, seconds, starts=(BEGIN + ahead) * SECOND)


def test_a_start_up_of_hundreds_and_a_batch_of_ninety_are_not_fast_leaks():
    seconds = np.arange(0, 1800, 15)
    start_up = np.minimum(4 * seconds, 300)
    assert not alarms(start_up, seconds, starts=(BEGIN - 5) * SECOND)
    batch = np.clip((seconds - 900) * 1.2, 0, 90)
    assert not alarms(batch, seconds)


def test_a_place_that_was_seen_to_be_left_is_not_judged_fast():
    counts, seconds = leaking(3, 15, calm=1800)
    busy = np.where(np.arange(len(seconds)) % 4 == 0, 25, 0)
    assert not alarms(counts + np.where(seconds < 1800, busy, 0), seconds)


def test_a_leaking_place_may_be_left_now_and_then_and_no_more():
    """A share of one in eighty is the limit: here just below it, and well above."""
    seconds = np.arange(0, 240, 15)

    def left_by(fall):
        counts = 7 + 3 * seconds - np.where(seconds >= 90, 45 + fall, 0)
        return alarms(counts, seconds, starts=(BEGIN - 5) * SECOND)

    assert left_by(4)
    assert not left_by(40)


def test_who_runs_as_it_is_looked_at_has_not_left():
    """Waiters are woken by ticks, and one scrape in three meets half of them awake."""
    seconds = np.arange(0, 300)
    counts = 3 * seconds
    assert alarms(counts - np.where(seconds % 3 == 0, counts // 2, 0), seconds, unbroken=True)


@pytest.mark.parametrize(("share", "fast"), [(0.05, True), (0.08, False)])
def test_a_place_whose_goroutines_end_between_two_looks_is_not_judged(share, fast):
    bank, at, alarmed = FastRise(), np.array([0]), False
    bank.resize(1)
    for count, second in zip(*leaking(3, 15), strict=True):
        bank.note_turnover(at, np.array([share]))
        times = np.array([round((BEGIN + second) * SECOND)])
        alarmed |= bool(bank.update(at, times, np.array([float(count)])).alarm[0])
    assert alarmed is fast


def test_a_silence_ends_what_was_seen_before():
    counts, seconds = leaking(2, 15, calm=1200, length=600)
    late = seconds + np.where(seconds >= 1215, 3000, 0)
    told = alarms(counts, late)
    assert not told, "nobody knows what happened in between"


def test_scrapes_may_become_rarer_or_more_frequent():
    seconds = np.concatenate([np.arange(0, 1200, 15), np.arange(1200, 4200, 60)])
    assert not alarms(np.full(len(seconds), 50), seconds)
    rise = 50 + 2 * np.maximum(seconds - 3000, 0)
    loud = alarms(rise, seconds)
    assert loud
    assert loud[0] <= 3000 + 360
    again = np.concatenate([np.arange(0, 1800, 60), np.arange(1800, 3600, 15)])
    loud = alarms(50 + 2 * np.maximum(again - 3000, 0), again)
    assert loud
    assert loud[0] <= 3000 + 150


def test_the_growth_is_told_with_its_interval_and_onset():
    bank = FastRise()
    bank.resize(1)
    for count, second in zip(*leaking(2, 30, calm=1800, length=600), strict=True):
        verdict = bank.update(
            np.array([0]), np.array([round(second * SECOND)]), np.array([float(count)])
        )
    reasons = {name: float(values[0]) for name, values in verdict.reasons.items()}
    assert reasons["per_hour_low"] <= 7200 <= reasons["per_hour_high"]
    assert abs(reasons["onset_ns"] / SECOND - 1800) < 120
    assert reasons["scale_seconds"] == pytest.approx(30, abs=1)
