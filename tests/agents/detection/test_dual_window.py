"""The formula as written, against a plain pandas reading of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from goleakprobe_agents.detection import DualWindow, DualWindowParameters, calibrate_rejection

SECOND = 10**9


def run(bank, seconds, counts):
    bank.resize(1)
    return [
        bank.update(np.array([0]), np.array([round(t * SECOND)]), np.array([c]))
        for t, c in zip(seconds, counts, strict=True)
    ]


def pandas_reading(seconds, counts):
    series = pd.Series(counts, index=pd.to_timedelta(seconds, unit="s"))
    mu_s, mu_l = series.rolling("30s").mean(), series.rolling("600s").mean()
    sigma_l = series.rolling("600s").std(ddof=0)
    return mu_s, mu_l, sigma_l, mu_l + 2.5 * sigma_l + 1.2 * (mu_s - mu_l).abs()


@pytest.mark.parametrize("interval", [1, 5, 7, 10, 15, 30, 60])
@pytest.mark.parametrize("level", [3.0, 1000.0, 3e6])
def test_it_equals_pandas_on_regular_data(interval, level):
    seconds = np.arange(0, 1500 if interval < 5 else 4000, interval)
    counts = np.random.default_rng(interval).normal(level, level / 20, len(seconds)).round(3)
    verdicts = run(DualWindow(), seconds, counts)
    names = ("short_mean", "long_mean", "long_deviation", "threshold")
    for name, expected in zip(names, pandas_reading(seconds, counts), strict=True):
        got = [v.reasons[name][0] for v in verdicts]
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
    threshold = pandas_reading(seconds, counts)[3].to_numpy()
    clear = np.abs(counts - threshold) > 1e-6 * level
    alarms = np.array([v.alarm[0] for v in verdicts])
    np.testing.assert_array_equal(alarms[clear][9:], (counts > threshold)[clear][9:])


def test_it_equals_pandas_on_irregular_scrapes_with_gaps():
    rng = np.random.default_rng(5)
    seconds = np.cumsum(rng.choice([1, 2, 15, 60, 700], 900, p=[0.4, 0.3, 0.2, 0.08, 0.02]))
    counts = rng.poisson(200, 900).astype(float)
    got = [v.reasons["threshold"][0] for v in run(DualWindow(), seconds, counts)]
    np.testing.assert_allclose(got, pandas_reading(seconds, counts)[3], rtol=1e-9)


@pytest.mark.parametrize("slope", [0.01, 1.0, 100.0])
def test_a_steady_leak_never_crosses_the_threshold(slope):
    seconds = np.arange(0, 3600, 15)
    assert not any(v.alarm[0] for v in run(DualWindow(), seconds, 50 + slope * seconds))


def test_a_burst_crosses_it():
    counts = np.full(80, 100.0)
    counts[60] = 150
    assert [
        i for i, v in enumerate(run(DualWindow(), np.arange(80) * 15, counts)) if v.alarm[0]
    ] == [60]


def test_the_lagged_reading_sees_a_leak_that_the_specified_one_does_not():
    seconds = np.arange(0, 3600, 15)
    counts = 100 + np.maximum(seconds - 1800, 0) / 10
    lagged = run(DualWindow(DualWindowParameters(lagged=True)), seconds, counts)
    assert any(v.alarm[0] for v in lagged)
    assert not any(v.alarm[0] for v in lagged[:120])


def test_nothing_alarms_before_nine_samples():
    counts = [0.0] * 7 + [1e6] * 1
    assert not any(v.alarm[0] for v in run(DualWindow(), np.arange(8) * 15, counts))


def test_calibration_keeps_the_wanted_rate_on_healthy_samples():
    z = np.random.default_rng(0).standard_normal(20_000)
    critical = calibrate_rejection(z, 0.01)
    assert (z >= critical).mean() == pytest.approx(0.01, abs=1e-4)
    with pytest.raises(ValueError, match="calibration"):
        calibrate_rejection(np.array([]), 0.01)


@pytest.mark.parametrize("bad", [{"short_seconds": 0}, {"short_seconds": 700}, {"alpha": np.nan}])
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        DualWindowParameters(**bad)


def test_other_parameters_refuse_the_state():
    with pytest.raises(ValueError, match="alpha=3"):
        DualWindow().load(DualWindow(DualWindowParameters(alpha=3)).dump())
