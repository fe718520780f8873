"""Which stacks this collector has published already."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["StackLedger"]


class StackLedger:
    """Remembers the most recently met (signature, build) pairs, a bounded number of them.

    A stack is published once, and once more when its go statement becomes known, which profiles
    do not tell and dumps do. Forgetting a pair only means that its stack is published again.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, str], bool] = OrderedDict()

    def enter(self, signature: str, build_id: str, *, creation_known: bool = False) -> bool:
        """True for a stack that tells something new, which the caller now has to publish."""
        pair = (signature, build_id)
        before = self._known.get(pair)
        self._known[pair] = creation_known or bool(before)
        self._known.move_to_end(pair)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return before is None or (creation_known and not before)

    def strike(self, signature: str, build_id: str) -> None:
        """Take a pair back whose stack could not be published."""
        self._known.pop((signature, build_id), None)
