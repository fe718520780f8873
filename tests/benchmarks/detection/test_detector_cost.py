"""What a verdict costs, beside river's cheapest scorer and a pandas recomputation.

Ratios only: both sides are timed by the process's own CPU time on the same machine. The absolute
figures are printed (pytest -s) for the table in README.md.
"""

from __future__ import annotations

import os
import resource
import time

import numpy as np
import pandas as pd
import pytest
from river import anomaly

from goleakprobe_agents.detection import (
    DualWindow,
    EvidenceEngine,
    EvidenceParameters,
    RisingFloor,
)

pytestmark = pytest.mark.bench

BANKS = {
    "dual_window": DualWindow,
    "rising_floor": RisingFloor,
    "evidence_stacks": EvidenceEngine,
    "evidence_totals": lambda: EvidenceEngine(EvidenceParameters.for_totals()),
}


def microseconds(make, rows, steps=120, warm=60):
    """CPU per key-update at 15 s scrapes: Poisson counts, one row in a hundred leaking."""
    bank = make()
    bank.resize(rows)
    keys = np.arange(rows)
    rng = np.random.default_rng(0)
    base = rng.uniform(5, 400, rows)
    spent = 0.0
    for step in range(steps):
        counts = rng.poisson(base).astype(float)
        counts[: rows // 100] += 4 * step
        times = np.full(rows, (step * 15 + 7) * 10**9)
        ages, rates = np.zeros(rows), base
        begun = time.process_time()
        bank.update(keys, times, counts, aged=ages, rate=rates)
        if step >= warm:
            spent += time.process_time() - begun
    return 1e6 * spent / (steps - warm) / rows, bank


def river_microseconds(updates=4000):
    scorer = anomaly.StandardAbsoluteDeviation()
    counts = np.random.default_rng(0).poisson(100, updates).tolist()
    begun = time.process_time()
    for count in counts:
        scorer.score_one(None, count)
        scorer.learn_one(None, count)
    return 1e6 * (time.process_time() - begun) / updates


def pandas_microseconds(keys=20):
    frame = pd.Series(
        np.random.default_rng(0).poisson(100, 40).astype(float),
        index=pd.to_timedelta(np.arange(40) * 15, unit="s"),
    )
    begun = time.process_time()
    for _ in range(keys):
        long, short = frame.rolling("600s"), frame.rolling("30s")
        mean = long.mean()
        _ = mean + 2.5 * long.std(ddof=0) + 1.2 * (short.mean() - mean).abs()
    return 1e6 * (time.process_time() - begun) / keys


@pytest.mark.parametrize("name", BANKS)
@pytest.mark.parametrize("rows", [1000, 50_000])
def test_a_key_update_costs_a_fraction_of_a_pandas_recomputation(name, rows):
    cost, bank = microseconds(BANKS[name], rows, *((70, 50) if rows > 1000 else ()))
    scorer, recomputed = river_microseconds(), pandas_microseconds()
    print(
        f"\n{name} {rows} keys: {cost:.2f} us/update, {bank.state_bytes / rows:.0f} B/key, "
        f"checkpoint {len(bank.dump()) / rows:.0f} B/key; river {scorer:.2f}, "
        f"pandas {recomputed:.0f} us"
    )
    assert cost < recomputed / 20
    assert bank.state_bytes / rows <= 1536


@pytest.mark.timeout(1800)
def test_one_key_may_have_a_million_updates():
    """UPDATES in the environment; steady, then a leak. State and memory stay as they were."""
    updates = int(os.environ.get("UPDATES", "20000"))
    bank, key = EvidenceEngine(), np.array([0])
    bank.resize(1)
    size = len(bank.dump())
    counts = np.random.default_rng(1).poisson(50, updates).astype(float)
    peak = 0
    for second in range(updates):
        now = np.array([second * 10**9])
        verdicts = bank.update(key, now, counts[second : second + 1], aged=np.zeros(1))
        assert not verdicts.alarm[0]
        if second == 5000:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    print(f"\n{updates:,} updates: {len(bank.dump())} bytes of state, {grown / 1024:.1f} MB more")
    assert len(bank.dump()) == size
    assert grown < 8192
    for second in range(7200):
        now = np.array([(updates + second) * 10**9])
        leaked, aged = np.array([50 + second / 10]), np.array([max(second - 600, 0) / 10])
        verdicts = bank.update(key, now, leaked, aged=aged)
    assert verdicts.alarm[0]
