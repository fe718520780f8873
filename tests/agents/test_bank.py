"""The detectors side by side: what they say together of one series."""

from __future__ import annotations

import pytest

from goleakprobe_agents.bank import SeriesBank
from goleakprobe_agents.settings import DetectionSettings

SECOND = 10**9


def growth(counts, *, step=60):
    """What is told of the growth of one signature after its last sample."""
    bank = SeriesBank(DetectionSettings())
    bank.resize(1)
    for place, count in enumerate(counts):
        now = (1_700_000_000 + place * step) * SECOND
        verdicts = bank.update([0], [now], [float(count)], [1_699_990_000 * SECOND])
    return verdicts.growth(0)


def test_nothing_is_told_of_the_growth_of_what_does_not_rise() -> None:
    """Not "0 an hour (0 to 0)", which reads as if it had been measured."""
    assert growth([40] * 90) is None


def test_a_rise_is_told_with_its_interval() -> None:
    told = growth([40] * 30 + [40 + 30 * n for n in range(20)])
    assert told is not None
    assert told.alarm
    assert told.per_hour == pytest.approx(1800, rel=0.05)
    assert told.per_hour_low <= 1800 <= told.per_hour_high
