"""What dumps with goroutine ids tell: who stayed where they are, and who has ended.

A dump every few minutes meets a goroutine at its place twice and knows nothing of the time between.
So the counts between two dumps, and the garbage collector's dates, have to agree that it stayed.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from goleakprobe_agents.evidence import STUCK_WAITS
from goleakprobe_agents.target_memory import UNCOUNTED

if TYPE_CHECKING:
    from goleakprobe_agents.detection.row_store import RowStore
    from goleakprobe_agents.target_memory import TargetMemory
    from goleakprobe_schemas import SnapshotCollected

__all__ = ["DumpedIds", "follow_ids"]

_SURELY_COLLECTED_NS = 300 * 1_000_000_000


class DumpedIds:
    """What a dump says of its goroutines by id."""

    def __init__(self, event: SnapshotCollected) -> None:
        self._time_ns = event.time_ns
        self.ids: dict[str, list[int]] = {}
        """By signature; of a large group only the oldest are listed."""
        self._waited: set[str] = set()
        for group in event.groups:
            self.ids.setdefault(group.signature, []).extend(group.goroutine_ids)
            if group.leaked or group.wait_seconds_max:
                self._waited.add(group.signature)
        self._collected = any(group.wait_seconds_max for group in event.groups)
        self.alive = frozenset(chain.from_iterable(self.ids.values()))

    def shows_awakened(self, signature: str, since_ns: int) -> bool:
        """Whether everybody at a place has been awake after ``since_ns``.

        The garbage collector dates the wait of whoever it meets waiting; the date is no age, but
        where there are any, whoever has waited through a collection has one. One comes every two
        minutes at least, unless GOGC is off: there a place is cleared without cause. Goroutines
        that the runtime calls leaked lose their date.
        Source: go/src/runtime/mgcmark.go, ``markroot``; proc.go, ``forcegcperiod``.
        """
        long_ago = self._time_ns - since_ns >= _SURELY_COLLECTED_NS
        return self._collected and long_ago and signature not in self._waited


def follow_ids(target: TargetMemory, event: SnapshotCollected, facts: RowStore) -> dict[int, float]:
    """Follow the goroutines of a dump that has ids, in a target's signatures and their facts.

    The main goroutine is nobody's leak and not followed. Answers which share of a row's goroutines
    has ended since the dump before, where that is known.
    """
    dump, turnover = DumpedIds(event), dict[int, float]()
    for name, known in target.signatures.items():
        row, here = known.row, () if known.main else dump.ids.get(name, ())
        since = int(facts["ids_since_ns"][row])
        if not facts["least"][row] or dump.shows_awakened(name, since):
            known.ids = ()
        if known.follow_ids(here):
            facts["ids_since_ns"][row] = event.time_ns if known.ids else 0
            facts["least"][row] = UNCOUNTED
        facts["ids_seen_ns"][row] = event.time_ns if known.ids else 0
        facts["never_idle"][row] = known.wait in STUCK_WAITS
        share = known.turn_over(here, dump.alive)
        if share is not None and not event.truncated:
            facts["turnover"][row] = turnover[row] = share
    return turnover
