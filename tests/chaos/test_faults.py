"""Plans of rounds: the same for the same seed, and nothing that a broker cannot bear."""

from __future__ import annotations

from collections import Counter

import pytest

from chaos.faults import BROKERS, ROLES, SESSION_SECONDS, Broker, Kind, Strike, planned

SEEDS = [f"seed/{number}" for number in range(300)]


@pytest.mark.parametrize("broker", BROKERS)
def test_a_seed_says_all(broker: Broker) -> None:
    assert [planned(seed, broker) for seed in SEEDS] == [planned(seed, broker) for seed in SEEDS]
    assert len({planned(seed, broker) for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("broker", BROKERS)
def test_every_fault_comes_up_in_order_of_time(broker: Broker) -> None:
    plans = [planned(seed, broker) for seed in SEEDS]
    kinds = Counter(strike.kind for plan in plans for strike in plan)
    assert set(kinds) | {Kind.KILL_BROKER} == set(Kind)
    assert {s.role for plan in plans for s in plan if s.kind is Kind.KILL_WORKER} == set(ROLES)
    for plan in plans:
        assert list(plan) == sorted(plan, key=lambda strike: strike.at)
        assert 3 <= len(plan) <= 5


def test_the_embedded_broker_keeps_its_memory() -> None:
    """Killing it would lose what it was given: it has no disk."""
    assert all(s.kind is not Kind.KILL_BROKER for seed in SEEDS for s in planned(seed, "embedded"))
    assert any(s.kind is Kind.KILL_BROKER for seed in SEEDS for s in planned(seed, "kafka"))


def test_a_frozen_worker_outlives_its_session_and_not_the_watchdogs_patience() -> None:
    frozen = [s for seed in SEEDS for s in planned(seed, "kafka") if s.kind is Kind.FREEZE_WORKER]
    assert all(SESSION_SECONDS < strike.seconds < 20 for strike in frozen)


def test_a_round_has_one_fault_of_the_broker_at_most_and_some_are_long() -> None:
    of_broker = {Kind.PAUSE_BROKER, Kind.KILL_BROKER}
    outages = []
    for seed in SEEDS:
        found = [strike for strike in planned(seed, "kafka") if strike.kind in of_broker]
        assert len(found) <= 1
        outages += found
    assert any(strike.seconds > 60 for strike in outages)


def test_a_strike_tells_itself() -> None:
    guest = Strike(at=0.5, kind=Kind.GUEST, seconds=3.2, kills=True)
    assert str(guest) == "second workers came and went 3 s (killed)"
    assert str(Strike(at=0.1, kind=Kind.KILL_WORKER, role="land")) == "worker killed land"
