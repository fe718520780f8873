"""Simulated series are what their labels say, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from goleakprobe.simulate.recipe import FAMILIES, families_of, simulate

ALL = [(kind, family) for kind, names in FAMILIES.items() for family in names]


@pytest.mark.parametrize(("kind", "family"), ALL)
def test_every_family_makes_sound_series(kind, family):
    (series,) = simulate(8, kind=kind, family=family, hours=2)
    assert series.count.shape == series.restart.shape == (480, 8)
    assert (series.count >= 0).all()
    assert not series.restart[0].any()
    if kind == "total":
        assert (series.rate >= 0).all()
    else:
        assert (series.aged >= 0).all()
        assert (series.aged <= series.count).all()
    assert np.isnan(series.onset_seconds).all() != FAMILIES[kind][family]


@pytest.mark.parametrize("kind", ["total", "stack"])
def test_the_same_seed_gives_the_same_series_and_another_others(kind):
    def counts(seed):
        return [s.count for s in simulate(44, kind=kind, hours=1, seed=seed)]

    for first, second in zip(counts(1), counts(1), strict=True):
        np.testing.assert_array_equal(first, second)
    assert any((a != b).any() for a, b in zip(counts(1), counts(2), strict=True))


@pytest.mark.parametrize("kind", ["total", "stack"])
def test_families_for_tuning_and_for_reporting_are_held_apart(kind):
    tune, report = families_of(kind, "tune"), families_of(kind, "report")
    assert not set(tune) & set(report)
    assert set(tune) | set(report) <= set(FAMILIES[kind])
    for split in (tune, report):
        assert {FAMILIES[kind][name] for name in split} == {True, False}


def test_half_of_the_series_leak():
    made = list(simulate(200, kind="stack", hours=0.5))
    leaking = sum(s.count.shape[1] for s in made if s.leaking)
    assert leaking == 100
    assert sum(s.count.shape[1] for s in made) == 200


def test_leaked_goroutines_stay_until_the_process_ends():
    (series,) = simulate(20, kind="stack", family="fast", hours=2)
    grown = series.aged[-1] - series.aged[0]
    assert (grown > 100).all()
    (series,) = simulate(20, kind="stack", family="sawtooth", hours=4)
    assert series.restart.any()
    step, key = np.argwhere(series.restart)[0]
    assert series.aged[step, key] <= series.aged[step - 1, key]


def test_an_unknown_family_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="in_flight"):
        next(simulate(2, kind="stack", family="nope"))
