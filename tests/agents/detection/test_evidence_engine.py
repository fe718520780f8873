"""What is a leak and what is not, told as short stories of single series."""

from __future__ import annotations

import numpy as np
import pytest

from goleakprobe_agents.detection import EvidenceEngine, EvidenceParameters

SECOND = 10**9


def first_alarm(
    counts, *, step=15, ages=None, rates=None, totals=False, starts=None, calm=0, parameters=None
):
    """Seconds of the first alarm, counted from the end of the calm, or None."""
    bank = EvidenceEngine(EvidenceParameters.for_totals() if totals else parameters)
    bank.resize(1)
    for i, count in enumerate(counts):
        verdict = bank.update(
            np.array([0]),
            np.array([(1_700_000_000 + i * step) * SECOND]),
            np.array([float(count)]),
            aged=None if ages is None else np.array([float(ages[i])]),
            rate=None if rates is None else np.array([float(rates[i])]),
            process_start_ns=None if starts is None else np.array([starts[i]]),
        )
        if verdict.alarm[0]:
            return i * step - calm
    return None


def aged_of(counts, step=15):
    """Ages of a place that nobody leaves."""
    return np.concatenate([np.zeros(600 // step), counts])[: len(counts)]


@pytest.mark.parametrize("per_second", [1, 2, 3])
@pytest.mark.parametrize("step", [1, 5, 15])
def test_a_fast_leak_of_a_young_process_alarms_within_about_two_minutes(per_second, step):
    seconds = np.arange(0, 170, step)
    starts = np.full(len(seconds), 1_700_000_000 * SECOND - 5 * SECOND)
    delay = first_alarm(5 + per_second * seconds, step=step, starts=starts)
    assert delay is not None
    assert delay <= 135


def test_a_fast_leak_after_a_calm_alarms_within_about_two_minutes():
    seconds = np.arange(0, 3600, 15)
    delay = first_alarm(2 + 2 * np.maximum(seconds - 1800, 0), calm=1800)
    assert delay is not None
    assert delay <= 150


def test_a_slow_leak_with_ages_alarms_once_a_warm_up_is_ruled_out():
    seconds = np.arange(0, 3 * 3600, 15)
    counts = np.floor(np.maximum(seconds - 3600, 0) / 60)
    delay = first_alarm(counts, ages=aged_of(counts), calm=3600)
    assert delay is not None
    assert 900 < delay < 2700


@pytest.mark.parametrize("gap", [6, 15, 30])
def test_a_slow_leak_with_ages_alarms_within_half_an_hour(gap):
    rng = np.random.default_rng(gap)
    seconds = np.arange(0, 3 * 3600, 15)
    delays = []
    for _ in range(5):
        came = 3600 + np.cumsum(rng.exponential(gap, 2000))
        counts = np.searchsorted(came, seconds)
        delays.append(first_alarm(counts, ages=aged_of(counts), calm=3600))
    assert 900 < np.median(delays) <= 1800


@pytest.mark.parametrize("stages", [1, 3, 8, 200])
def test_a_pool_that_grows_in_stages_within_a_quarter_of_an_hour_does_not_alarm(stages):
    seconds = np.arange(0, 3 * 3600, 15)
    share = np.clip((seconds - 3600) / 900, 0, 1)
    counts = np.floor(np.ceil(share * stages) / stages * 60)
    assert first_alarm(counts, ages=aged_of(counts)) is None


def test_a_leak_among_sessions_that_grow_old_is_told():
    rng = np.random.default_rng(4)
    seconds = np.arange(0, 4 * 3600, 15)
    begin = rng.uniform(-7200, 4 * 3600, 3000)
    stay = rng.exponential(900, 3000)
    counts, ages = (
        np.array([((begin <= t - old) & (begin + stay > t)).sum() for t in seconds])
        for old in (0, 600)
    )
    leaked = np.maximum(seconds - 3600, 0) // 20
    assert first_alarm(counts, ages=ages) is None
    delay = first_alarm(counts + leaked, ages=ages + aged_of(leaked), calm=3600)
    assert delay is not None
    assert delay > 0


@pytest.mark.parametrize("absurd", [np.nan, -1.0, 1e300, np.inf])
def test_absurd_ages_neither_hide_a_leak_nor_make_one(absurd):
    """A target says how many are old; every fourth time here it says nonsense."""
    seconds = np.arange(0, 3 * 3600, 15)
    nonsense = seconds % 60 == 45
    leaked = np.maximum(seconds - 3600, 0) // 15
    told = np.where(nonsense, absurd, aged_of(leaked))
    delay = first_alarm(leaked, ages=told, calm=3600)
    assert delay is not None
    assert 900 < delay < 2700
    calm = np.full(len(seconds), 40)
    assert first_alarm(calm, ages=np.where(nonsense, absurd, 0)) is None


def test_more_aged_than_there_are_make_no_leak_of_requests():
    rng = np.random.default_rng(6)
    seconds = np.arange(0, 3 * 3600, 15)
    counts = rng.poisson(40, len(seconds))
    assert first_alarm(counts, ages=np.full(len(seconds), 10**6)) is None


def test_a_bank_that_was_killed_tells_young_rises_when_the_whole_one_would():
    rng = np.random.default_rng(8)
    whole, came = EvidenceEngine(), 3600 + np.cumsum(rng.exponential(10, 900))
    whole.resize(1)
    banks = [whole]
    for second in range(0, 5700, 15):
        if second == 4890:
            again = EvidenceEngine()
            again.load(whole.dump())
            banks.append(again)
        alarms = [
            bool(
                bank.update(
                    np.array([0]),
                    np.array([(1_700_000_000 + second) * SECOND]),
                    np.array([float(np.searchsorted(came, second))]),
                    aged=np.array([float(np.searchsorted(came, second - 600))]),
                ).alarm[0]
            )
            for bank in banks
        ]
        assert len(set(alarms)) == 1, second
    assert alarms == [True, True]
    assert whole.dump() == banks[1].dump()


@pytest.mark.parametrize("seed", range(4))
def test_a_leak_told_while_young_is_not_taken_back_while_it_goes_on(seed):
    rng = np.random.default_rng(seed)
    came = 3600 + np.cumsum(rng.exponential(10, 3000))
    bank, alarms = EvidenceEngine(), []
    bank.resize(1)
    for second in range(0, 3 * 3600, 15):
        verdict = bank.update(
            np.array([0]),
            np.array([(1_700_000_000 + second) * SECOND]),
            np.array([float(np.searchsorted(came, second))]),
            aged=np.array([float(np.searchsorted(came, second - 600))]),
        )
        alarms.append(bool(verdict.alarm[0]))
    first = alarms.index(True)
    assert first * 15 - 3600 <= 1800
    assert all(alarms[first:])


def test_counts_decide_again_where_ages_stop_coming():
    seconds = np.arange(0, 5 * 3600, 15)
    counts = 50 + np.maximum(seconds - 7200, 0) // 30
    ages = np.where(seconds < 3600, 50.0, np.nan)
    assert first_alarm(counts, ages=ages, calm=7200) is not None


@pytest.mark.parametrize("tau", [30, 120, 600])
def test_a_pool_that_fills_does_not_alarm(tau):
    seconds = np.arange(0, 4 * 3600, 15)
    counts = np.floor(300 * (1 - np.exp(-seconds / tau)))
    assert first_alarm(counts, ages=aged_of(counts)) is None


def test_keep_alive_connections_and_bursts_do_not_alarm():
    rng = np.random.default_rng(1)
    seconds = np.arange(0, 2 * 3600, 15)
    counts = rng.poisson(40 + 200 * ((seconds > 3000) & (seconds < 4200)))
    assert first_alarm(counts, ages=np.zeros(len(seconds))) is None


def test_a_traffic_ramp_explains_a_total():
    rng = np.random.default_rng(2)
    seconds = np.arange(0, 4 * 3600, 15)
    traffic = 100 * (1 + np.clip((seconds - 3600) / 5400, 0, 1))
    counts = rng.poisson(3 * traffic)
    assert first_alarm(counts, rates=traffic, totals=True) is None


def test_a_leak_in_a_total_alarms_under_steady_traffic():
    rng = np.random.default_rng(3)
    seconds = np.arange(0, 4 * 3600, 15)
    counts = rng.poisson(300, len(seconds)) + np.maximum(seconds - 3600, 0) // 30
    delay = first_alarm(counts, rates=np.full(len(seconds), 50.0), totals=True, calm=3600)
    assert delay is not None
    assert delay > 0


def test_restarts_carry_evidence_over():
    seconds = np.arange(0, 4 * 3600, 15)
    life = seconds // 1500
    counts = np.floor((seconds % 1500) / 20)
    ages = np.where(seconds % 1500 >= 600, np.floor((seconds % 1500 - 600) / 20), 0)
    starts = (1_700_000_000 + life * 1500) * SECOND - 1
    assert first_alarm(counts, ages=ages, starts=starts) is not None
    assert first_alarm(np.full(len(seconds), 30), ages=np.full(len(seconds), 30)) is None


@pytest.mark.parametrize("per_life", [40, 400])
def test_a_process_that_always_ends_before_its_leak_is_sure_is_told(per_life):
    """Whatever the target's clock says: here it is ten seconds ahead."""
    seconds = np.arange(0, 3 * 3600, 15)
    life, age = seconds // 1500, seconds % 1500
    counts = np.floor(per_life * age / 1500)
    ages = np.floor(per_life * np.maximum(age - 600, 0) / 1500)
    starts = (1_700_000_000 + life * 1500 + 10) * SECOND
    assert first_alarm(counts, ages=ages, starts=starts) is not None
    pool = np.floor(80 * np.minimum(age / 300, 1))
    old = np.floor(80 * np.clip((age - 600) / 300, 0, 1))
    assert first_alarm(pool, ages=old, starts=starts) is None, "each life fills it"


@pytest.mark.parametrize("size", [40, 75, 150])
def test_a_pool_that_was_filled_is_no_leak_when_hours_later_its_start_leaves_the_memory(size):
    seconds = np.arange(0, 7 * 3600, 15)
    counts = np.where(seconds > 5000, size, 0)
    assert first_alarm(counts, ages=aged_of(counts)) is None


def test_requests_in_flight_hide_no_slow_leak_of_a_total():
    """Means of several samples tell it; by the least of them it takes twenty minutes more."""
    rng = np.random.default_rng(5)
    seconds = np.arange(0, 4 * 3600, 15)
    leaked = np.maximum(seconds - 3600, 0) // 60
    delays = [
        first_alarm(
            rng.poisson(300, len(seconds)) + leaked,
            rates=rng.poisson(1500, len(seconds)) / 15,
            totals=True,
            calm=3600,
        )
        for _ in range(8)
    ]
    assert min(delays) > 0
    assert np.mean(delays) < 5300


def test_a_verdict_explains_itself():
    bank = EvidenceEngine()
    bank.resize(1)
    for second in range(0, 7200, 15):
        leaked = max(second - 1800, 0) // 30
        verdict = bank.update(
            np.array([0]),
            np.array([second * SECOND]),
            np.array([10.0 + leaked]),
            aged=np.array([10.0 + max(second - 2400, 0) // 30]),
        )
    reasons = {name: values[0] for name, values in verdict.reasons.items()}
    assert verdict.alarm[0]
    assert reasons["per_hour_low"] <= 120 <= reasons["per_hour_high"]
    assert abs(reasons["onset_ns"] / SECOND - 1800) < 2400
    assert reasons["by_age"] == 1
    assert reasons["growth"] > 20


def _live(counts, *, unbroken=True):
    return first_alarm(
        counts, step=5, parameters=EvidenceParameters(with_aged=False, unbroken=unbroken)
    )


def test_a_rise_without_a_break_is_a_leak_even_if_nothing_is_known_of_before() -> None:
    rise = [2 + i * 2 for i in range(200)]
    assert _live(rise) is not None
    assert _live(rise) <= 300
    assert _live(rise, unbroken=False) is None, "a series may begin in a warm-up"


def test_a_warm_up_is_no_rise_without_a_break() -> None:
    assert _live([2 + int(200 * (1 - np.exp(-i / 20))) for i in range(240)]) is None


def test_a_rise_that_some_leave_is_no_rise_without_a_break() -> None:
    assert _live([2 + i // 2 - (i % 7 == 0) * 3 for i in range(240)]) is None


@pytest.mark.parametrize("parameters", [EvidenceParameters(), EvidenceParameters.for_totals()])
def test_a_warm_up_of_any_small_process_is_no_leak_hours_later(parameters):
    cases = [(b, span, even) for b in (10, 50, 300) for span in (300, 600) for even in (0, 1)]
    base, span, even = (np.array(column, dtype=float) for column in zip(*cases, strict=True))
    rows, rng = np.arange(len(cases)), np.random.default_rng(0)
    bank = EvidenceEngine(parameters)
    bank.resize(len(cases))

    def filled(seconds):
        passed = max(seconds, 0)
        slowing = 1 - np.exp(-3 * passed / span)
        return np.floor(100 * np.where(even > 0, np.minimum(passed / span, 1), slowing))

    for second in range(0, 3 * 3600, 15):
        verdicts = bank.update(
            rows,
            np.full(len(cases), (second + 1000) * 10**9),
            base + filled(second) + rng.poisson(5, len(cases)),
            aged=filled(second - 600),
            rate=rng.poisson(300, len(cases)) / 15,
            process_start_ns=np.full(len(cases), 999 * 10**9),
        )
        assert not verdicts.alarm.any(), second
