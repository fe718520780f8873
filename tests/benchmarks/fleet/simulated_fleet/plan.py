"""Who is in the fleet, who of them leaks and how fast: a pure function of a few numbers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

from goleakprobe.demo.ground_truth import SHOP, ServiceTruth

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NAMESPACE", "FleetPlan", "PlannedService", "plan_fleet"]

NAMESPACE = "fleet"

_CODE_CHARS = "0123456789abcdefghijklmnopqrstuvwxyz"
# Leaks per minute of one instance, from a flood to one that takes an hour to be plain.
_LEAK_RATES = (30.0, 12.0, 6.0, 3.0, 1.0)


class PlannedService(msgspec.Struct, frozen=True, kw_only=True):
    """One service: which recorded program it is, and what is wrong with it."""

    code: str
    """Four characters that stand for the recorded module's name in all of its functions."""
    shape: str
    """The service of ``infra/go/demo`` whose profiles it answers."""
    instances: int
    leaks_per_minute: float = 0.0
    onset_seconds: float = 0.0
    """When, from the start of the run, its instances begin to leak."""

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.shape}-{self.code}"

    @property
    def truth(self) -> ServiceTruth:
        """What is known about the recorded program."""
        return next(truth for truth in SHOP if truth.service == self.shape)

    @property
    def places(self) -> tuple[str, ...]:
        """Functions where its leaked goroutines are; empty for a healthy service."""
        if not self.leaks_per_minute:
            return ()
        return tuple(self.in_its_words(place) for place in self.truth.places)

    def in_its_words(self, text: str) -> str:
        """Recorded text with this service's code in place of the recorded module's name."""
        return text.replace("example.com/shop/", f"example.com/{self.code}/")


class FleetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All services."""

    seed: int
    services: tuple[PlannedService, ...]

    @property
    def leaky(self) -> tuple[PlannedService, ...]:
        """The services that leak."""
        return tuple(service for service in self.services if service.leaks_per_minute)

    @property
    def targets(self) -> int:
        """How many processes there are."""
        return sum(service.instances for service in self.services)

    def instances(self) -> Iterator[tuple[PlannedService, str]]:
        """Every process: its service and its name."""
        for service in self.services:
            for number in range(service.instances):
                yield service, f"{service.name}-{number}"


def plan_fleet(
    *, targets: int, instances: int, leaky: int, seed: int, onset_seconds: float
) -> FleetPlan:
    """So many processes, so many of one service, so many services that leak.

    Leaks begin spread over ``onset_seconds``. Every kind of leak comes before any comes twice.
    """
    rng = random.Random(seed)
    count = -(-targets // instances)
    services = [
        PlannedService(
            code=_code(number),
            shape=SHOP[number % len(SHOP)].service,
            instances=min(instances, targets - number * instances),
        )
        for number in range(count)
    ]
    by_shape = {truth.service: [s for s in services if s.shape == truth.service] for truth in SHOP}
    shapes = [truth.service for truth in SHOP if truth.leaky]
    for chosen in range(leaky):
        candidates = by_shape[shapes[chosen % len(shapes)]]
        if not candidates:
            continue
        service = candidates.pop(rng.randrange(len(candidates)))
        services[services.index(service)] = msgspec.structs.replace(
            service,
            leaks_per_minute=_LEAK_RATES[chosen % len(_LEAK_RATES)],
            onset_seconds=onset_seconds * chosen / max(1, leaky),
        )
    return FleetPlan(seed=seed, services=tuple(services))


def _code(number: int) -> str:
    base = len(_CODE_CHARS)
    digits = [_CODE_CHARS[number // base**place % base] for place in (2, 1, 0)]
    return "s" + "".join(digits)
