"""What of a trace could not be used, and why."""

from __future__ import annotations

import msgspec

__all__ = ["Damage", "DamageLog"]


class Damage(msgspec.Struct, frozen=True):
    """One fault: the generation it hit (0: none), the reason, and the bytes not used."""

    generation: int
    reason: str
    lost_bytes: int = 0


class DamageLog:
    """Collects damages; past ``limit`` they are counted but no longer told apart."""

    def __init__(self, limit: int) -> None:
        self.damages: list[Damage] = []
        self.count = 0
        self.lost_bytes = 0
        self._limit = limit

    def add(self, generation: int, reason: str, lost_bytes: int = 0) -> None:
        """Note one fault."""
        self.count += 1
        self.lost_bytes += lost_bytes
        if len(self.damages) < self._limit:
            self.damages.append(Damage(generation, reason, lost_bytes))

    def lose(self, lost_bytes: int) -> None:
        """Count bytes that follow a fault already noted."""
        self.lost_bytes += lost_bytes
