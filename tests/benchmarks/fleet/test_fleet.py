"""A small fleet for three minutes: every visit made, everything landed once, nothing said in vain.

The figures of the README come from ``make fleet``, which runs for as long as one likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulated_fleet.outcome import outcome_lines
from simulated_fleet.run import RunSettings, simulate_fleet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.bench, pytest.mark.go, pytest.mark.broker]


@pytest.mark.timeout(600)
async def test_a_small_fleet_is_scraped_landed_and_judged(
    tmp_path: Path, require: Callable[[str], None]
) -> None:
    require("go")
    require("broker")
    settings = RunSettings(
        folder=tmp_path,
        targets=60,
        instances=6,
        leaky=4,
        interval_seconds=5,
        minutes=3,
        seed=7,
        broker="embedded",
        heap_mb=0,
    )
    outcome = await simulate_fleet(settings)
    print("\n" + "\n".join(outcome_lines(outcome)))
    assert outcome.violations == ()
    assert outcome.drained
    assert outcome.failures == {}
    assert outcome.false == ()
    assert [leak for leak in outcome.leaks if leak.found_seconds is not None]
