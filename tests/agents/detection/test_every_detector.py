"""One set of checks that every detector has to pass."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import goleakprobe_agents.detection as detection
from goleakprobe_agents.detection import (
    MODELS,
    DualWindow,
    DualWindowParameters,
    EvidenceEngine,
    EvidenceParameters,
    FastRise,
    OnlineModels,
    RisingFloor,
    SurvivorCeiling,
)

SECOND = 10**9

BANKS = {
    "dual_window": DualWindow,
    "dual_window_lagged": lambda: DualWindow(DualWindowParameters(lagged=True)),
    "rising_floor": RisingFloor,
    "fast_rise": FastRise,
    "evidence_stacks": EvidenceEngine,
    "evidence_totals": lambda: EvidenceEngine(EvidenceParameters.for_totals()),
    "survivor_ceiling": SurvivorCeiling,
    **{name: (lambda name=name: OnlineModels(name)) for name in MODELS},
}


@pytest.fixture(params=BANKS, name="make")
def _make(request):
    return BANKS[request.param]


def story(rows: int, steps: int, seed: int = 3):
    """Samples of all rows by step: times, counts, rates, ages, starts; leaks, noise and gaps."""
    rng = np.random.default_rng(seed)
    now = 1_700_000_000 * SECOND
    start = np.full(rows, now - 3600 * SECOND)
    for step in range(steps):
        now += int(rng.choice([1, 15, 15, 15, 60, 900])) * SECOND
        counts = rng.poisson(50, rows) + np.where(np.arange(rows) % 2, 4 * step, 0)
        if step == steps // 2:
            start = start + 7200 * SECOND
        ages = np.where(np.arange(rows) % 3 == 0, np.nan, counts // 2)
        yield np.full(rows, now), counts.astype(float), rng.uniform(5, 50, rows), ages, start


def feed(bank, at, sample):
    times, counts, rates, ages, starts = (part[at] for part in sample)
    return bank.update(at, times, counts, rate=rates, aged=ages, process_start_ns=starts)


def test_verdicts_and_state_do_not_depend_on_how_rows_are_batched(make):
    together, apart = make(), make()
    together.resize(6)
    apart.resize(6)
    rng = np.random.default_rng(0)
    for sample in story(6, 90):
        whole = feed(together, np.arange(6), sample)
        order = rng.permutation(6)
        for part in np.split(order, [1, 3]):
            verdicts = feed(apart, part, sample)
            np.testing.assert_array_equal(verdicts.score, whole.score[part])
            np.testing.assert_array_equal(verdicts.alarm, whole.alarm[part])
            for name, values in verdicts.reasons.items():
                np.testing.assert_array_equal(values, whole.reasons[name][part])
    if not isinstance(together, OnlineModels | DualWindow):
        assert together.dump() == apart.dump()


def test_state_survives_the_round_trip_byte_for_byte_and_goes_on_alike(make):
    bank, other = make(), make()
    bank.resize(4)
    samples = list(story(4, 80))
    for sample in samples[:50]:
        feed(bank, np.arange(4), sample)
    state = bank.dump()
    other.load(state)
    assert other.dump() == state
    for sample in samples[50:]:
        expected = feed(bank, np.arange(4), sample)
        got = feed(other, np.arange(4), sample)
        np.testing.assert_array_equal(expected.score, got.score)
        np.testing.assert_array_equal(expected.alarm, got.alarm)
    assert other.dump() == bank.dump()


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "foreign"])
def test_damaged_or_foreign_state_is_refused_and_changes_nothing(make, damage):
    bank = make()
    bank.resize(2)
    for sample in story(2, 20):
        feed(bank, np.arange(2), sample)
    state = bank.dump()
    flipped = bytearray(state)
    flipped[len(flipped) // 2] ^= 0xFF
    foreign = SurvivorCeiling(60.0).dump()
    bad = {"empty": b"", "cut": state[:-3], "flipped": bytes(flipped), "foreign": foreign}[damage]
    with pytest.raises(ValueError, match=r"state|detector"):
        bank.load(bad)
    assert bank.dump() == state


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 1e300])
def test_an_absurd_count_changes_nothing(make, value):
    bank = make()
    bank.resize(1)
    for sample in story(1, 30):
        last = feed(bank, np.arange(1), sample)
    before = bank.dump()
    later = np.array([1_900_000_000 * SECOND])
    verdict = bank.update(np.array([0]), later, np.array([value]))
    assert bank.dump() == before
    np.testing.assert_array_equal(verdict.score, last.score)
    np.testing.assert_array_equal(verdict.alarm, last.alarm)


@pytest.mark.parametrize("back", [0, 1, 10**6, 2**62])
def test_a_time_that_does_not_move_on_changes_nothing(make, back):
    bank = make()
    bank.resize(1)
    for sample in story(1, 30):
        feed(bank, np.arange(1), sample)
        now = sample[0]
    before = bank.dump()
    bank.update(np.array([0]), now - back, np.array([7.0]))
    assert bank.dump() == before


def test_a_time_beyond_all_calendars_changes_nothing(make):
    bank = make()
    bank.resize(1)
    before = bank.dump()
    bank.update(np.array([0]), np.array([2**62]), np.array([7.0]))
    assert bank.dump() == before


def test_a_forgotten_row_is_as_good_as_new(make):
    used, new = make(), make()
    used.resize(2)
    new.resize(2)
    for sample in story(2, 40, seed=9):
        feed(used, np.arange(2), sample)
    used.reset(np.array([0, 1]))
    for sample in story(2, 40):
        a = feed(used, np.arange(2), sample)
        b = feed(new, np.arange(2), sample)
        np.testing.assert_array_equal(a.score, b.score)
        np.testing.assert_array_equal(a.alarm, b.alarm)


def test_growing_and_shrinking_keep_the_rows_that_stay(make):
    bank = make()
    bank.resize(2)
    for sample in story(2, 30):
        feed(bank, np.arange(2), sample)
    state = bank.dump()
    bank.resize(50)
    assert bank.rows == 50
    bank.resize(2)
    assert bank.dump() == state


def test_a_gap_a_thousand_times_the_scrape_interval_raises_no_alarm(make):
    bank = make()
    bank.resize(1)
    at = np.array([0])
    rng = np.random.default_rng(0)
    for step in range(200):
        bank.update(at, np.array([step * 15 * SECOND]), rng.poisson(80, 1).astype(float))
    verdict = bank.update(at, np.array([200 * 15_000 * SECOND]), np.array([80.0]))
    if not isinstance(bank, OnlineModels):
        assert not verdict.alarm[0]


def test_one_key_with_very_many_updates_keeps_its_size(make):
    bank = make()
    bank.resize(1)
    at = np.array([0])
    sizes = []
    for step in range(4000):
        bank.update(at, np.array([step * SECOND]), np.array([float(step % 97)]))
        if step in (2000, 3999):
            sizes.append(len(bank.dump()))
    if isinstance(bank, OnlineModels):
        assert max(sizes) < 40_000
    else:
        assert sizes[0] == sizes[1]


def test_one_key_goes_on_for_years_and_over_long_silences():
    """Times far beyond what fits the short clocks of a row's points: nothing overflows."""
    bank = EvidenceEngine()
    bank.resize(1)
    size, now = len(bank.dump()), 0
    for step in range(600):
        now += (1, 15, 3600, 86_400 * 30)[step % 4] * SECOND
        verdict = bank.update(np.array([0]), np.array([now]), np.array([float(step % 7)]))
        assert not verdict.alarm[0]
    assert len(bank.dump()) == size


@pytest.mark.parametrize(
    "kind", ["evidence_stacks", "evidence_totals", "rising_floor", "fast_rise"]
)
def test_a_key_that_flaps_between_two_processes_raises_no_alarm(kind):
    """Two processes behind one name, one of them full: neither grows."""
    bank = BANKS[kind]()
    bank.resize(1)
    rng = np.random.default_rng(4)
    for step in range(400):
        which = int(rng.integers(0, 2))
        verdict = bank.update(
            np.array([0]),
            np.array([(1_700_000_000 + 15 * step) * SECOND]),
            np.array([(4.0, 900.0)[which]]),
            rate=np.array([50.0]),
            aged=np.array([(0.0, 850.0)[which]]),
            process_start_ns=np.array([(1_699_000_000, 1_699_900_000)[which] * SECOND]),
        )
        assert not verdict.alarm[0]


@pytest.mark.parametrize("kind", ["rising_floor", "fast_rise"])
def test_state_of_another_version_is_refused_and_says_whose_it_is(kind):
    bank = BANKS[kind]()
    bank.resize(3)
    state = bank.dump()
    name = {"rising_floor": b"rising floor ", "fast_rise": b"fast rise "}[kind]
    at = state.index(name) + len(name)
    older = state[:at] + b"0" + state[at + 1 :]
    bank.resize(1)
    with pytest.raises(ValueError, match=name.decode() + "0.* this detector is"):
        bank.load(older)
    assert bank.rows == 1


@pytest.mark.parametrize(
    "name",
    sorted(m.name for m in pkgutil.iter_modules(detection.__path__, detection.__name__ + ".")),
)
def test_the_examples_in_the_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
