"""``goroutine.snapshot.collected.v1``: one scrape of one target."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["ScrapeCost", "SnapshotCollected", "SnapshotGroup", "SnapshotSource"]


class SnapshotSource(StrEnum):
    """The endpoint and form a snapshot was read from."""

    DEBUG0 = "debug0"
    """``goroutine`` profile, gzip protobuf."""
    DEBUG1 = "debug1"
    """``goroutine`` profile, grouped text."""
    DEBUG2 = "debug2"
    """``goroutine`` dump, one record per goroutine; stops the target's world."""
    LEAK = "leak"
    """``goroutineleak`` profile: goroutines the runtime proves can never run again."""
    LEAK_DELTA = "leakdelta"
    """``goroutineleak?seconds=N``: goroutines that leaked within N seconds."""


class ScrapeCost(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the scrape cost the target and us."""

    wall_seconds: float = 0.0
    body_bytes: int = 0
    """Bytes as they came over the network."""
    decoded_bytes: int = 0
    """Bytes after decompression."""
    decode_seconds: float = 0.0
    """Our CPU time for decoding and signing."""


class SnapshotGroup(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The goroutines of one process that share a signature and labels."""

    signature: str
    """32 hex digits; survives rebuilds and Go upgrades."""
    count: int
    wait: str = ""
    """Wait kind in the runtime's words (``chan send``, ``select``, ``IO wait``...)."""
    state: str = "waiting"
    """``waiting``, ``runnable``, ``running`` or ``syscall``."""
    blocking_site: str = ""
    """``function file:line`` of the frame that waits, in this build; an attribute, never a key."""
    creation_site: str = ""
    """``function file:line`` of the go statement where known, else of the root frame."""
    wait_seconds_max: float | None = None
    """Longest wait the dump itself claims; rounded by the garbage collector, never the true age."""
    labels_digest: str = ""
    goroutine_ids: tuple[int, ...] = ()
    """Ids where the source gives them and they are few; ascending."""
    leaked: int = 0
    """How many of ``count`` the runtime itself marks as leaked."""


class SnapshotCollected(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One scrape of one target.

    A message holds every group of the scrape, so the price of a message is paid once per scrape.
    ``time_ns`` is the collector's clock when the answer was complete (UTC epoch nanoseconds).
    Snapshots of one target are published in time order; ``id`` is the same on every retry.
    """

    id: str
    namespace: str
    service: str
    instance: str
    time_ns: int
    source: SnapshotSource
    total: int
    """Goroutines in the profile; the scraping request's own among them if the source shows it."""
    groups: tuple[SnapshotGroup, ...] = ()
    process_start_ns: int | None = None
    requests_total: float | None = None
    """The target's own request counter at the time of the scrape, where configuration names one."""
    go_version: str = ""
    build_id: str = ""
    truncated: bool = False
    """The body was cut; counts are lower bounds."""
    cost: ScrapeCost = ScrapeCost()
    labels: dict[str, str] = {}
    """The target's own labels from service discovery, meta labels removed."""
