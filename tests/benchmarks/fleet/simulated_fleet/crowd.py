"""How many goroutines of one process stand in one stack, at any moment, and since when.

Pure functions of the seed and the time, so that every form of profile agrees with the others.
"""

from __future__ import annotations

import math
import random

import msgspec

__all__ = ["Crowd", "Member"]

_STEADY_MAX = 2
_BEND_SECONDS = 60.0


class Member(msgspec.Struct, frozen=True):
    """One goroutine."""

    number: int
    """Unique within its crowd and process."""
    age_seconds: float


class Crowd:
    """The goroutines of one stack.

    A few are constant (servers, tickers). More than a few breathe with the traffic: those that
    always stand there keep their numbers, the others are new each minute. A leak adds goroutines
    that stay, ``leaks_per_minute`` from ``onset`` on, as unevenly as requests come.
    """

    def __init__(
        self, *, seed: str, usual: int, transient: bool, leaks_per_minute: float, onset: float
    ) -> None:
        rng = random.Random(seed)
        self._seed = seed
        self._constant = usual <= _STEADY_MAX
        self._usual = float(usual) if self._constant else usual * rng.uniform(0.7, 1.3)
        self._floor = 0 if transient else usual if self._constant else int(self._usual * 0.7)
        self._waves = [(rng.uniform(300, 1800), rng.uniform(0, math.tau)) for _ in range(2)]
        self._leaks_per_second = leaks_per_minute / 60 * rng.uniform(0.7, 1.3)
        self._onset = onset

    def count(self, now: float, started: float) -> int:
        """How many, ``now``, in a process that began at ``started``; seconds of one clock."""
        return self._usual_now(now) + self.leaked(now, started)

    def leaked(self, now: float, started: float) -> int:
        """How many of them will never go."""
        leaking = now - max(self._onset, started)
        return int(leaking * self._leaks_per_second) if leaking > 0 else 0

    def members(self, now: float, started: float) -> list[Member]:
        """Each of them, the oldest first."""
        usual, age = self._usual_now(now), max(0.0, now - started)
        stay = min(usual, self._floor)
        minute = int(now // _BEND_SECONDS)
        passing = 1_000_000 + minute % 10_000 * 1000
        first_leak = now - max(self._onset, started)
        return [
            *(Member(number, age) for number in range(stay)),
            *(
                Member(100_000 + number, first_leak - (number + 1) / self._leaks_per_second)
                for number in range(self.leaked(now, started))
            ),
            *(Member(passing + number, 0.0) for number in range(usual - stay)),
        ]

    def _usual_now(self, now: float) -> int:
        if self._constant:
            return int(self._usual)
        wave = sum(math.sin(now / period * math.tau + phase) for period, phase in self._waves)
        noise = random.Random(f"{self._seed}{now // _BEND_SECONDS}").gauss(0, 0.08)
        return max(0, round(self._usual * (1 + 0.1 * wave + noise)))
