"""What ids prove, and what counts rule out."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from goleakprobe_agents.detection import IdentitySurvival, SurvivorCeiling

SECOND = 10**9


def test_an_id_that_was_missing_once_starts_anew():
    bank = IdentitySurvival()
    bank.resize(1)
    bank.update(0, 0, [5, 6])
    bank.update(0, 300 * SECOND, [6])
    seen = bank.update(0, 900 * SECOND, [5, 6])
    assert (seen.seen_again, seen.aged, seen.oldest_seconds) == (1, 1, 900.0)


def test_a_new_process_forgets_the_ids():
    bank = IdentitySurvival()
    bank.resize(1)
    bank.update(0, 10, [5], process_start_ns=1)
    assert bank.update(0, 20, [5], process_start_ns=60 * SECOND).seen_again == 0


def test_old_dumps_and_impossible_ids_say_nothing():
    bank = IdentitySurvival()
    bank.resize(1)
    bank.update(0, 100, [5, -3, 0, 2**70])
    assert bank.update(0, 100, [5]).seen_again == 0
    assert bank.update(0, 200, [5]).seen_again == 1


def test_many_ids_keep_the_oldest():
    bank = IdentitySurvival()
    bank.resize(1)
    bank.update(0, 0, range(1, 1000))
    assert bank.update(0, 700 * SECOND, range(1, 1000)).aged == 64
    other = IdentitySurvival()
    other.load(bank.dump())
    assert other.dump() == bank.dump()


@settings(max_examples=60, deadline=None)
@given(lives=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=30))
def test_the_ceiling_is_never_below_the_true_number_of_aged(lives):
    bank = SurvivorCeiling()
    bank.resize(1)
    for step in range(100):
        alive = [(b, e) for b, e in lives if b <= step <= e]
        at = np.array([step * 30 * SECOND])
        verdict = bank.update(np.array([0]), at, np.array([float(len(alive))]))
        aged = sum(1 for b, _ in alive if (step - b) * 30 >= 660)
        ceiling = verdict.reasons["at_most_aged"][0]
        assert np.isnan(ceiling) or ceiling >= aged
