"""What stage one remembers of a target between two of its snapshots.

The numbers that every snapshot moves (counts, when seen) are kept in arrays, a row a signature;
what is here is read when the list of a target's groups changes or something is told of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from goleakprobe_agents.detection.row_store import Field, RowStore

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from numpy.typing import NDArray

    from goleakprobe_schemas import SnapshotCollected, SnapshotGroup

__all__ = ["UNCOUNTED", "KnownSignature", "Layout", "TargetMemory", "signature_facts"]

_NS = 1_000_000_000
# Start times come from metrics pages as float seconds.
_SAME_PROCESS_NS = 2 * _NS
_TELLING_IDS = 20


UNCOUNTED = 2**40
"""The least count before any."""


def signature_facts() -> RowStore:
    """An empty store of what is known of every signature as a number."""
    return RowStore(
        "signature facts 3",
        [
            Field("count", "<i8"),
            Field("seen_ns", "<i8"),
            # Since when its goroutine ids have been followed; 0 where none are known.
            Field("ids_since_ns", "<i8"),
            # When a dump last showed them: what came after says nothing about them.
            Field("ids_seen_ns", "<i8"),
            # The least count since ids_since_ns: more of them cannot have stayed.
            Field("least", "<i8"),
            # Which share of those in the dump before the newest has ended; 0 unknown.
            Field("turnover", "<f4"),
            # Whether its wait is one that nobody rests in.
            Field("never_idle", "?"),
            # Whether it is told of from now on, until nothing of it is left.
            Field("suspicious", "?"),
        ],
    )


class KnownSignature(msgspec.Struct):
    """One signature of one target."""

    row: int
    """Its row of the facts and of the detectors."""
    first_seen_ns: int
    wait: str = ""
    state: str = ""
    blocking_site: str = ""
    creation_site: str = ""
    main: bool = False
    """The main goroutine, which may be parked for good: nobody's leak."""
    ids: tuple[int, ...] = ()
    """Goroutine ids that every dump since they were first followed has shown here."""
    dumped: bytes = b""
    """Goroutine ids that the newest dump has shown here, eight bytes each: there may be many."""
    leaked: int = 0
    """Count in the newest leak profile."""
    leaked_samples: int = 0

    def describe(self, group: SnapshotGroup) -> None:
        """Take over what a group says of the place."""
        self.wait, self.state = group.wait or self.wait, group.state
        self.blocking_site = group.blocking_site or self.blocking_site
        self.creation_site = group.creation_site or self.creation_site
        self.main = group.main

    def follow_ids(self, seen: Sequence[int]) -> bool:
        """Keep the ids that were here before; True if it had to begin with new ones."""
        stayed = tuple(sorted(set(self.ids).intersection(seen)))
        self.ids = stayed or tuple(sorted(seen))
        return not stayed

    def turn_over(self, seen: Sequence[int], alive: Set[int]) -> float | None:
        """Which share of those that the dump before showed here has ended since.

        ``alive`` are the ids of the whole dump: who only went elsewhere has not ended. None where
        there were too few to say.
        """
        before = np.frombuffer(self.dumped, dtype="<i8").tolist()
        self.dumped = np.array(seen, dtype="<i8").tobytes()
        if len(before) < _TELLING_IDS:
            return None
        return sum(one not in alive for one in before) / len(before)


class Layout:
    """Where the groups of a snapshot belong: derived from a target, and the same until it changes.

    ``names`` are the signatures of the groups, ``places`` where each stands among the target's
    signatures, ``rows`` the rows of these.
    """

    __slots__ = ("names", "places", "rows")

    def __init__(self, names: tuple[str, ...], places: Sequence[int], target: TargetMemory) -> None:
        self.names = names
        self.places = np.array(places, dtype=np.int64)
        self.rows = target.rows()


class TargetMemory(msgspec.Struct):
    """One target as its newest snapshot left it."""

    row: int
    """The row of its total."""
    time_ns: int = 0
    profile_ns: int = 0
    """Time of the newest leak profile."""
    dumped_ns: int = 0
    """Time of the newest dump with ids; 0 if it is too old to tell anything."""
    process_start_ns: int | None = None
    build_id: str = ""
    requests_total: float | None = None
    request_rate: float | None = None
    source: str = ""
    """Where the newest counts came from."""
    places: list[int] | None = None
    """Where its groups stood among the signatures; None if that must be looked up anew."""
    signatures: dict[str, KnownSignature] = {}

    def advance(self, event: SnapshotCollected) -> bool:
        """Move on to a newer snapshot; answers whether it shows another process than before."""
        restarted = self._restarted(event)
        self._take_rate(event, restarted=restarted)
        self.time_ns = event.time_ns
        self.process_start_ns, self.build_id = event.process_start_ns, event.build_id
        return restarted

    def rows(self) -> NDArray[np.int64]:
        """The rows of its signatures, in their order."""
        return np.array([known.row for known in self.signatures.values()], dtype=np.int64)

    def layout(self) -> Layout | None:
        """The layout of the newest counts, where it is known."""
        if self.places is None:
            return None
        names = list(self.signatures)
        return Layout(tuple([names[place] for place in self.places]), self.places, self)

    def _restarted(self, event: SnapshotCollected) -> bool:
        if not self.time_ns:
            return False
        before, now = self.process_start_ns, event.process_start_ns
        if before is not None and now is not None:
            return abs(now - before) > _SAME_PROCESS_NS
        return bool(self.build_id and event.build_id and self.build_id != event.build_id)

    def _take_rate(self, event: SnapshotCollected, *, restarted: bool) -> None:
        before, now = self.requests_total, event.requests_total
        self.requests_total = now
        if before is None or now is None or restarted or now < before:
            return
        self.request_rate = (now - before) * _NS / (event.time_ns - self.time_ns)
