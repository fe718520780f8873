"""What can befall the stream, and the plan of a round, drawn from a seed."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import Literal

import msgspec

__all__ = ["BROKERS", "ROLES", "SESSION_SECONDS", "Broker", "Kind", "Strike", "planned"]

Broker = Literal["embedded", "kafka"]
BROKERS: tuple[Broker, ...] = ("embedded", "kafka")
ROLES = ("detect", "lifecycles", "services", "land")

SESSION_SECONDS = 6
"""The consumer groups' session timeout: a worker frozen for longer wakes up without partitions."""


class Kind(StrEnum):
    """A fault, in the words of the report."""

    KILL_WORKER = "worker killed"
    FREEZE_WORKER = "worker frozen"
    KILL_SUPERVISOR = "supervisor killed"
    KILL_FORK_SERVER = "fork server killed"
    STOP_STREAM = "workers stopped in order"
    GUEST = "second workers came and went"
    PAUSE_BROKER = "broker hung"
    KILL_BROKER = "broker killed"
    FILL_DISK = "disk full"
    STEP_CLOCK = "workers' clock stepped"


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a round."""

    at: float
    """When it begins: the published share of the round's load."""
    kind: Kind
    role: str = ""
    """The worker that is meant, where one is."""
    seconds: float = 0.0
    """How long it lasts; for a clock, how far it is set forward (or back)."""
    kills: bool = False
    """Whether the second workers are killed rather than stopped in order."""

    def __str__(self) -> str:
        words = [self.kind.value, self.role]
        if self.seconds:
            words.append(f"{self.seconds:.0f} s")
        if self.kind is Kind.GUEST:
            words.append("(killed)" if self.kills else "(in order)")
        return " ".join(word for word in words if word)


_WEIGHTS = {
    Kind.KILL_WORKER: 8,
    Kind.FREEZE_WORKER: 3,
    Kind.KILL_SUPERVISOR: 2,
    Kind.KILL_FORK_SERVER: 1,
    Kind.STOP_STREAM: 1,
    Kind.GUEST: 3,
    Kind.PAUSE_BROKER: 2,
    Kind.KILL_BROKER: 3,
    Kind.FILL_DISK: 2,
    Kind.STEP_CLOCK: 2,
}
_BROKER_FAULTS = {Kind.PAUSE_BROKER, Kind.KILL_BROKER}
# A second one would begin before the first has ended, or take it back.
_ONCE_A_ROUND = {Kind.GUEST, Kind.FILL_DISK, Kind.STEP_CLOCK}
_STRIKES = (3, 4, 4, 5)
_LONG_OUTAGES = 0.08
_CLOCK_STEPS = (-86_400.0, -3600.0, -90.0, 90.0, 3600.0, 86_400.0)


def planned(seed: str, broker: Broker) -> tuple[Strike, ...]:
    """The faults of one round in the order of their beginnings; the same for the same seed."""
    rng = random.Random(seed)
    kinds = [kind for kind in _WEIGHTS if broker == "kafka" or kind is not Kind.KILL_BROKER]
    strikes: list[Strike] = []
    taken: set[Kind] = set()
    for _ in range(rng.choice(_STRIKES)):
        allowed = [kind for kind in kinds if kind not in taken]
        (kind,) = rng.choices(allowed, [_WEIGHTS[each] for each in allowed])
        strikes.append(_drawn(rng, kind))
        if kind in _BROKER_FAULTS:
            taken |= _BROKER_FAULTS
        elif kind in _ONCE_A_ROUND:
            taken.add(kind)
    return tuple(sorted(strikes, key=lambda strike: strike.at))


def _drawn(rng: random.Random, kind: Kind) -> Strike:
    at = rng.uniform(0.03, 0.97)
    match kind:
        case Kind.KILL_WORKER:
            return Strike(at=at, kind=kind, role=rng.choice(ROLES))
        case Kind.FREEZE_WORKER:
            seconds = rng.uniform(1.3, 1.7) * SESSION_SECONDS
            return Strike(at=at, kind=kind, role=rng.choice(ROLES), seconds=seconds)
        case Kind.GUEST:
            return Strike(at=at, kind=kind, seconds=rng.uniform(1, 5), kills=rng.random() < 0.5)
        case Kind.PAUSE_BROKER | Kind.KILL_BROKER:
            long = rng.random() < _LONG_OUTAGES
            return Strike(
                at=at, kind=kind, seconds=rng.uniform(65, 100) if long else rng.uniform(1, 9)
            )
        case Kind.FILL_DISK:
            # Longer than the watchdog bears silence, sometimes.
            return Strike(at=at, kind=kind, seconds=rng.choice((2, 4, 6, 25)))
        case Kind.STEP_CLOCK:
            return Strike(at=at, kind=kind, seconds=rng.choice(_CLOCK_STEPS))
        case _:
            return Strike(at=at, kind=kind)
