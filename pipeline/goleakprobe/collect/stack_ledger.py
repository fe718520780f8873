"""Which stacks this collector has published already."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["StackLedger"]


class StackLedger:
    """Remembers the most recently met (signature, build) pairs, a bounded number of them.

    Forgetting one only means that its stack is published again.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def enter(self, signature: str, build_id: str) -> bool:
        """True for a pair not entered before, which the caller now has to publish."""
        pair = (signature, build_id)
        if pair in self._known:
            self._known.move_to_end(pair)
            return False
        self._known[pair] = None
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return True

    def strike(self, signature: str, build_id: str) -> None:
        """Take a pair back whose stack could not be published."""
        self._known.pop((signature, build_id), None)
