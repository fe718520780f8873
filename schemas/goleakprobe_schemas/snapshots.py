"""``goroutine.snapshot.collected.v1``: one scrape of one target."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from goleakprobe_schemas.bounds import Count, GoroutineId, Name, Seconds, Text, TimeNs

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
    TRACE = "trace"
    """``trace?seconds=N``: an execution trace. No snapshot has it; assessments of traces have."""


class ScrapeCost(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """What the scrape cost the target and us."""

    wall_seconds: Seconds = 0.0
    body_bytes: Count = 0
    """Bytes as they came over the network."""
    decoded_bytes: Count = 0
    """Bytes after decompression."""
    decode_seconds: Seconds = 0.0
    """Our CPU time for decoding and signing."""


class SnapshotGroup(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """The goroutines of one process that share a signature and labels."""

    signature: Name
    """32 hex digits; survives rebuilds and Go upgrades."""
    count: Count
    wait: Text = ""
    """Wait kind in the runtime's words (``chan send``, ``select``, ``IO wait``...)."""
    state: Text = "waiting"
    """``waiting``, ``runnable``, ``running`` or ``syscall``."""
    blocking_site: Text = ""
    """``function file:line`` of the frame that waits, in this build; an attribute, never a key."""
    creation_site: Text = ""
    """``function file:line`` of the go statement where known, else of the root frame."""
    wait_seconds_max: Seconds | None = None
    """Longest wait the dump itself claims; rounded by the garbage collector, never the true age."""
    labels_digest: Text = ""
    goroutine_ids: tuple[GoroutineId, ...] = ()
    """Ids where the source gives them and they are few; ascending."""
    leaked: Count = 0
    """How many of ``count`` the runtime itself marks as leaked."""
    main: bool = False
    """The main goroutine: the process lives as long, however it waits."""


class SnapshotCollected(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """One scrape of one target.

    A message holds every group of the scrape, so the price of a message is paid once per scrape.
    ``time_ns`` is the collector's clock when the answer was complete (UTC epoch nanoseconds).
    Snapshots of one target are published in time order; ``id`` is the same on every retry.
    """

    id: Name
    namespace: Name
    service: Name
    instance: Name
    time_ns: TimeNs
    source: SnapshotSource
    total: Count
    """Goroutines in the profile; the scraping request's own among them if the source shows it."""
    groups: tuple[SnapshotGroup, ...] = ()
    process_start_ns: TimeNs | None = None
    requests_total: float | None = None
    """The target's own request counter at the time of the scrape, where configuration names one."""
    go_version: Text = ""
    build_id: Text = ""
    truncated: bool = False
    """The body was cut; counts are lower bounds."""
    cost: ScrapeCost = ScrapeCost()
    labels: dict[Text, Text] = {}
    """The target's own labels from service discovery, meta labels removed."""
