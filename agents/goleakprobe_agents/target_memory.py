"""What stage one remembers of a target between two of its snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from goleakprobe_schemas import SnapshotCollected, SnapshotGroup

__all__ = ["KnownSignature", "TargetMemory"]

_NS = 1_000_000_000
# Start times come from metrics pages as float seconds.
_SAME_PROCESS_NS = 2 * _NS


class KnownSignature(msgspec.Struct):
    """One signature of one target."""

    row: int
    """Its row of the detectors."""
    first_seen_ns: int
    seen_ns: int
    count: int = 0
    wait: str = ""
    state: str = ""
    blocking_site: str = ""
    creation_site: str = ""
    ids: tuple[int, ...] = ()
    """Goroutine ids that every dump since ``ids_since_ns`` has shown here."""
    ids_since_ns: int = 0
    leaked: int = 0
    """Count in the newest leak profile."""
    leaked_samples: int = 0
    suspicious: bool = False
    """Whether it is told of from now on, until nothing of it is left."""

    def see(self, group: SnapshotGroup, now_ns: int) -> None:
        """Take over what a group says of the place; counts are added up by the caller."""
        self.seen_ns = now_ns
        self.wait, self.state = group.wait or self.wait, group.state
        self.blocking_site = group.blocking_site or self.blocking_site
        self.creation_site = group.creation_site or self.creation_site

    def follow_ids(self, seen: Sequence[int], now_ns: int) -> None:
        """Keep the ids that were here before; with none of them left, begin with the new ones."""
        stayed = tuple(sorted(set(self.ids).intersection(seen)))
        if stayed:
            self.ids = stayed
        else:
            self.ids, self.ids_since_ns = tuple(sorted(seen)), now_ns

    def ids_seconds(self, now_ns: int) -> float:
        """How long the followed ids have been here by our own clock; 0 where none are known."""
        return (now_ns - self.ids_since_ns) / _NS if self.ids else 0.0


class TargetMemory(msgspec.Struct):
    """One target as its newest snapshot left it."""

    row: int
    """The row of its total."""
    time_ns: int = 0
    profile_ns: int = 0
    """Time of the newest leak profile."""
    process_start_ns: int | None = None
    build_id: str = ""
    requests_total: float | None = None
    request_rate: float | None = None
    signatures: dict[str, KnownSignature] = {}

    def advance(self, event: SnapshotCollected) -> bool:
        """Move on to a newer snapshot; answers whether it shows another process than before."""
        restarted = self._restarted(event)
        if restarted:
            for known in self.signatures.values():
                known.leaked = known.leaked_samples = 0
                known.ids, known.suspicious = (), False
        self._take_rate(event, restarted=restarted)
        self.time_ns = event.time_ns
        self.process_start_ns, self.build_id = event.process_start_ns, event.build_id
        for known in self.signatures.values():
            known.count = 0
        return restarted

    def follow_ids(self, event: SnapshotCollected) -> None:
        """Follow the goroutine ids of a dump that has them all."""
        ids: dict[str, list[int]] = {}
        for group in event.groups:
            ids.setdefault(group.signature, []).extend(group.goroutine_ids)
        for name, known in self.signatures.items():
            known.follow_ids(ids.get(name, ()), event.time_ns)

    def drop_unseen(self, since_ns: int) -> list[int]:
        """Forget signatures not seen since then; answers with their rows."""
        gone = [name for name, known in self.signatures.items() if known.seen_ns < since_ns]
        return [self.signatures.pop(name).row for name in gone]

    def leaking(self) -> Mapping[str, KnownSignature]:
        """The signatures that are told of."""
        return {name: known for name, known in self.signatures.items() if known.suspicious}

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
